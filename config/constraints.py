"""What a type of the schema allows: in words, and of one value."""

import math
import re

from msgspec import inspect


def describe(expected: inspect.Type) -> str:
    """What is allowed, in words."""
    match expected:
        case inspect.Metadata():
            return str((expected.extra_json_schema or {}).get("description") or describe(expected.type))
        case inspect.UnionType():
            return " or ".join(describe(each) for each in expected.types if not isinstance(each, inspect.NoneType))
        case inspect.StructType():
            return "a mapping with the fields " + ", ".join(field.encode_name for field in expected.fields)
        case inspect.DictType():
            return "a mapping"
        case inspect.ListType():
            return f"a list of {expected.min_length} or more" if expected.min_length else "a list"
        case inspect.AnyType():
            return "any value"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return _describe_number("a whole number", expected)
        case inspect.FloatType():
            return _describe_number("a number", expected)
        case inspect.StrType():
            return _describe_text(expected)
        case inspect.LiteralType():
            return " or ".join(str(value) for value in expected.values)
    raise TypeError(f"no words for {expected}")


def allows(value: object, expected: inspect.Type) -> bool:
    """Whether a value of the right kind keeps to what else its type says."""
    match expected:
        case inspect.IntType() | inspect.FloatType():
            return isinstance(value, int | float) and _in_bounds(value, expected)
        case inspect.StrType():
            return isinstance(value, str) and _fits(value, expected)
        case inspect.LiteralType():
            return value in expected.values
    return True


def _describe_number(kind: str, expected: inspect.IntType | inspect.FloatType) -> str:
    if expected.ge is not None and expected.le is not None:
        return f"{kind} from {expected.ge} to {expected.le}"
    bounds = {"over": expected.gt, "from": expected.ge, "below": expected.lt, "up to": expected.le}
    return " ".join([kind, *(f"{word} {bound}" for word, bound in bounds.items() if bound is not None)])


def _describe_text(expected: inspect.StrType) -> str:
    low, high = expected.min_length, expected.max_length
    if high is not None:
        return f"text of {low or 0} to {high} characters"
    return "text" if not low else f"text of {low} or more characters"


def _in_bounds(value: int | float, expected: inspect.IntType | inspect.FloatType) -> bool:
    return (
        math.isfinite(value)
        and (expected.gt is None or value > expected.gt)
        and (expected.ge is None or value >= expected.ge)
        and (expected.lt is None or value < expected.lt)
        and (expected.le is None or value <= expected.le)
    )


def _fits(value: str, expected: inspect.StrType) -> bool:
    return (
        len(value) >= (expected.min_length or 0)
        and (expected.max_length is None or len(value) <= expected.max_length)
        and (expected.pattern is None or re.search(expected.pattern, value) is not None)
    )
