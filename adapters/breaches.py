"""Does a declaration keep its contract? What an author got wrong is said when it is loaded, not when it is needed.

How many arguments each function takes is read from the contract's own annotations, so a change there needs none here.
"""

from collections.abc import Callable, Iterator
from inspect import Signature, signature
from typing import Any, get_args, get_origin, get_type_hints

from msgspec import Struct, inspect

_SCALARS = (
    inspect.AnyType,
    inspect.BoolType,
    inspect.FloatType,
    inspect.IntType,
    inspect.LiteralType,
    inspect.StrType,
)


def breach_of(contract: type[Struct]) -> Callable[[object], str | None]:
    """A function that says what keeps a value from being such a declaration, None where nothing does."""
    return lambda value: wrong_type(value, contract) or next(wrong_members(value), None)


def wrong_type(value: object, contract: type[Struct]) -> str | None:
    """That a value is no such declaration."""
    if isinstance(value, contract):
        return None
    article = "an" if contract.__name__[0] in "AEIOU" else "a"
    return f"TypeError: its value is of the type {type(value).__name__} and not {article} {contract.__name__}"


def wrong_members(declaration: Any) -> Iterator[str]:
    """What is wrong with its functions and its `options`."""
    yield from wrong_functions(declaration, "")
    if not (isinstance(declaration.options, type) and issubclass(declaration.options, Struct)):
        yield "TypeError: its options are not a type made from msgspec.Struct"
    elif not _can_be_written(inspect.type_info(declaration.options), frozenset()):
        yield "TypeError: its options have a field of a type that a configuration can't hold"


def wrong_functions(struct: Struct, where: str) -> Iterator[str]:
    """Which of its functions are none, or don't take what they are given."""
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
