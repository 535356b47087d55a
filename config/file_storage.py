"""Files as an operator writes them: where their bytes are, how many there may be, and whose files APIs stand open."""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from config.values import Name, Seconds, shown

FileBytes = Annotated[int, Meta(ge=1_024, le=2**50)]


class FileStorage(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """/v1/files and /v1/uploads. They need `state.records`."""

    store: str = "local"
    """`local`: a folder; `s3`: a bucket; or a store of an installed package."""
    options: dict[str, Any] = field(default_factory=dict)
    """What only this store knows; checked against the store's own type."""
    max_bytes: FileBytes = 536_870_912
    """Of one file."""
    upload_bytes: FileBytes = 8_589_934_592
    """Of one upload, all its parts together."""
    owner_bytes: FileBytes | None = None
    """Of all files of one owner; more are refused."""
    upload_seconds: Seconds = 3_600
    """An upload that is not complete after this long is gone."""
    body_seconds: Seconds = 3_600
    """A file has this long to arrive."""
    providers: list[Name] = field(default_factory=list)
    """Providers whose own files APIs callers may use, with the header `x-isthmus-provider`."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, ("options",))

    def __repr__(self) -> str:
        return f"FileStorage({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"
