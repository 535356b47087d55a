"""Does a value keep the contract of an adapter?"""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from adapters.breaches import wrong_functions, wrong_members, wrong_type
from adapters.inference.contract import Adapter, Codec
from config.schema import Operation

_OPERATIONS = get_args(Operation)


def breach(value: object) -> str | None:
    """What keeps a value from being an adapter, None where nothing does."""
    return wrong_type(value, Adapter) or next(_breaches(value), None)


def _breaches(adapter: Any) -> Iterator[str]:
    yield from wrong_members(adapter)
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
            yield from wrong_functions(codec, f"codecs[{operation}].")
