"""Types of single values that the sections of `isthmus.yaml` share, with their bounds."""

from typing import Annotated, Any

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Bytes = Annotated[int, Meta(ge=1_024, le=2**31)]
Name = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)",  # Python's $ would let a line break follow
        max_length=128,
        description="up to 128 letters, digits, dots, hyphens and underscores, the first a letter or a digit",
    ),
]
File = Annotated[
    str,
    Meta(
        min_length=1,
        description="a file that can be read; a relative name starts at the folder of the configuration",
        extra={"file": True},
    ),
]
Share = Annotated[float, Meta(ge=0, le=1)]
"""A part of a whole: 0.05 is five in a hundred."""
Money = Annotated[float, Meta(ge=0, le=1_000_000_000)]
"""US dollars."""


def shown(struct: Struct, secrets: tuple[str, ...]) -> list[tuple[str, Any]]:
    """Fields for a `repr`, without what must not reach a log or a traceback."""
    values = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return [(name, "<secret>" if value and name in secrets else value) for name, value in values.items()]
