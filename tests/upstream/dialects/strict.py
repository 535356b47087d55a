"""An SDK's types as a judge needs them: what they do not name is refused, however deep it stands."""

import types
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Annotated, Any, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict, is_typeddict

_typed_dict: Any = TypedDict
_NOT_JSON = ("IO", "PathLike", "bytes")


@cache
def strict(kind: Any) -> Any:
    """The type that takes the same JSON and no unknown member.

    SDKs type their requests for programs: iterables, which pydantic would read later, become lists; files and the
    models of answers, which let any member by, are left out.
    """
    if is_typeddict(kind):
        return _strict_dict(kind)
    origin, given = get_origin(kind), get_args(kind)
    if origin in (Annotated, Required, NotRequired):
        return strict(given[0])
    if origin in (Union, types.UnionType):
        return Union[tuple(strict(each) for each in given if _is_json(each))]  # noqa: UP007 - made of a tuple
    if origin in (Iterable, Sequence, list):
        return list[strict(given[0])]  # type: ignore[misc]
    if origin is dict:
        return dict[str, strict(given[1])]  # type: ignore[misc]
    return kind


def _strict_dict(kind: Any) -> Any:
    members = {
        name: (Required if _is_required(kind, name, hint) else NotRequired)[strict(hint)]
        for name, hint in get_type_hints(kind, include_extras=True).items()
    }
    made: Any = _typed_dict(kind.__name__, members)
    made.__pydantic_config__ = ConfigDict(extra="forbid")
    return made


def _is_required(kind: Any, name: str, hint: Any) -> bool:
    """A typed dict whose annotations are put off knows its classes' totality alone."""
    said = get_origin(hint)
    return said is Required or (name in kind.__required_keys__ and said is not NotRequired)


def _is_json(kind: Any) -> bool:
    """Whether a member of a union has a value of JSON."""
    if get_origin(kind) is Annotated:
        return _is_json(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return any(map(_is_json, get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return False
    return getattr(get_origin(kind) or kind, "__name__", "") not in _NOT_JSON
