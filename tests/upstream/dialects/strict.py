"""An SDK's types as a judge needs them: what they do not name is refused, however deep it stands."""

import inspect
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Annotated, Any, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model
from typing_extensions import TypedDict, is_typeddict

_typed_dict: Any = TypedDict
_make: Any = create_model
_STRICT = ConfigDict(extra="forbid", strict=True)
_NOT_JSON = ("IO", "PathLike", "bytes")


@cache
def strict(kind: Any) -> Any:
    """The type that takes the same JSON and no unknown member.

    SDKs type their requests for programs: iterables, which pydantic would read later, become lists; files and the
    models of answers, which let any member by, are left out.
    """
    if is_typeddict(kind):
        return _strict_dict(kind)
    if _is_model(kind):
        return _strict_model(kind)
    origin, given = get_origin(kind), get_args(kind)
    if origin in (Annotated, Required, NotRequired):
        return strict(given[0])
    if origin in (Union, types.UnionType):
        return Union[tuple(map(strict, _of_json([*_alternatives(kind)])))]  # noqa: UP007 - made of a tuple
    if origin in (Iterable, Sequence, list):
        return list[strict(given[0])]  # type: ignore[misc]
    if origin is dict:
        return dict[str, strict(given[1])]  # type: ignore[misc]
    return kind


def strict_call(method: Callable[..., Any], *besides: str) -> Any:
    """The model of what an SDK's method sends: its arguments, without those that are not for the service."""
    hints = get_type_hints(method, include_extras=True)
    arguments = inspect.signature(method).parameters
    members = {
        name: (strict(hints[name]), ... if each.default is inspect.Parameter.empty else None)
        for name, each in arguments.items()
        if name not in ("self", *besides)
    }
    return _make(method.__name__, __config__=_STRICT, **members)


def _strict_dict(kind: Any) -> Any:
    members = {
        name: (Required if _is_required(kind, name, hint) else NotRequired)[strict(hint)]
        for name, hint in get_type_hints(kind, include_extras=True).items()
    }
    made: Any = _typed_dict(kind.__name__, members)
    made.__pydantic_config__ = _STRICT
    return made


def _is_required(kind: Any, name: str, hint: Any) -> bool:
    """A typed dict whose annotations are put off knows its classes' totality alone."""
    said = get_origin(hint)
    return said is Required or (name in kind.__required_keys__ and said is not NotRequired)


def _strict_model(kind: Any) -> Any:
    """A default that says something is what an SDK sends itself, such as a `type`."""
    members = {
        name: (strict(member.annotation), None if not member.is_required() and member.default is None else ...)
        for name, member in kind.model_fields.items()
    }
    return _make(kind.__name__, __config__=_STRICT, **members)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _alternatives(kind: Any) -> Iterator[Any]:
    """The members of a union, of unions in it too."""
    if get_origin(kind) is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif get_origin(kind) in (Union, types.UnionType):
        for each in get_args(kind):
            yield from _alternatives(each)
    else:
        yield kind


def _of_json(kinds: list[Any]) -> list[Any]:
    """Those that have values of JSON and say what they are; models beside typed dicts are those of answers."""
    has_dicts = any(map(is_typeddict, kinds))
    return [
        each
        for each in kinds
        if not (has_dicts and _is_model(each))
        and each is not Any
        and getattr(get_origin(each) or each, "__name__", "") not in _NOT_JSON
    ]
