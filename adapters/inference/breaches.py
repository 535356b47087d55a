"""Does a value keep the contract? What an author got wrong is said when it is loaded, not when a request comes.

How many arguments each function takes is read from the contract's own annotations, so a change there needs none here.
"""

from collections.abc import Callable, Iterator, Mapping
from inspect import Signature, signature
from typing import Any, get_args, get_origin, get_type_hints

from msgspec import Struct, inspect

from adapters.inference.contract import Adapter, Codec
from config.schema import Operation

_OPERATIONS = get_args(Operation)
_SCALARS = (
    inspect.AnyType,
    inspect.BoolType,
    inspect.FloatType,
    inspect.IntType,
    inspect.LiteralType,
    inspect.StrType,
)


def breach(value: object) -> str | None:
    """What keeps a value from being an adapter, None where nothing does."""
    if not isinstance(value, Adapter):
        return f"TypeError: its value is of the type {type(value).__name__} and not an Adapter"
    return next(_breaches(value), None)


def _breaches(adapter: Adapter) -> Iterator[str]:
    yield from _wrong_functions(adapter, "")
    if not (isinstance(adapter.options, type) and issubclass(adapter.options, Struct)):
        yield "TypeError: its options are not a type made from msgspec.Struct"
    elif not _can_be_written(inspect.type_info(adapter.options), frozenset()):
        yield "TypeError: its options have a field of a type that a configuration can't hold"
    if isinstance(adapter.codecs, Mapping) and adapter.codecs:
        yield from _wrong_codecs(adapter.codecs)
    else:
        yield "TypeError: its codecs are not a mapping from operations to what encodes and decodes them"


def _wrong_codecs(codecs: Mapping[Any, Any]) -> Iterator[str]:
    for operation, codec in codecs.items():
        if operation not in _OPERATIONS:
            yield f"ValueError: it has a codec for {operation!r}, which is none of {', '.join(_OPERATIONS)}"
        elif not isinstance(codec, Codec):
            yield f"TypeError: its codec for {operation} is of the type {type(codec).__name__} and not a Codec"
        else:
            yield from _wrong_functions(codec, f"codecs[{operation}].")


def _can_be_written(expected: inspect.Type, around: frozenset[type]) -> bool:
    """Whether `config.check` can read such a value from YAML; `around` are the Structs that it stands in."""
    match expected:
        case inspect.Metadata(type=inner) | inspect.ListType(item_type=inner) | inspect.DictType(value_type=inner):
            return _can_be_written(inner, around)
        case inspect.UnionType(types=types):
            some = [each for each in types if not isinstance(each, inspect.NoneType)]
            return len(some) == 1 and _can_be_written(some[0], around)
        case inspect.StructType(cls=cls, fields=fields):
            return cls not in around and all(_can_be_written(field.type, around | {cls}) for field in fields)
    return isinstance(expected, _SCALARS)


def _wrong_functions(struct: Adapter | Codec, where: str) -> Iterator[str]:
    for name, hint in get_type_hints(type(struct)).items():
        wanted = _parameters(hint)
        function = getattr(struct, name)
        if wanted is None or (function is None and type(None) in get_args(hint)):
            continue
        if not callable(function):
            yield f"TypeError: its {where}{name} is no function"
        elif not _takes(function, len(wanted)):
            shown = ", ".join(getattr(each, "__name__", str(each)) for each in wanted)
            yield f"TypeError: its {where}{name} does not take what the contract gives it: {shown}"


def _parameters(hint: Any) -> list[Any] | None:
    """The types of a function's parameters, where it is a function that is annotated."""
    return next((get_args(each)[0] for each in (hint, *get_args(hint)) if get_origin(each) is Callable), None)


def _takes(function: Any, count: int) -> bool:
    try:
        told: Signature = signature(function)
    except (TypeError, ValueError):  # some built-in functions tell nothing
        return True
    try:
        told.bind(*(None,) * count)
    except TypeError:
        return False
    return True
