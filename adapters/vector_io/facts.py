"""Attributes as letters and digits, for databases whose filters say less than ours, or quote otherwise."""

import base64
import hashlib

from adapters.vector_io.filters import Attribute, Attributes


def fact(key: str, value: Attribute) -> str:
    """A hash that says that an attribute has a value: equal for equal values, and for no others."""
    kind = "b" if isinstance(value, bool) else "s" if isinstance(value, str) else "n"
    said = value if isinstance(value, str) else repr(float(value) + 0.0)  # so that 0 and -0 are equal
    return hashed(kind, key, said)


def facts(attributes: Attributes) -> list[str]:
    """All that may be asked for with `eq`, `ne`, `in` and `nin`."""
    return [fact(key, value) for key, value in attributes.items()]


def sortable(text: str) -> str:
    """A text in letters and digits, whose order by bytes is that of the text by code points."""
    return base64.b32hexencode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def hashed(*parts: str) -> str:
    """Letters and digits that stand for some texts."""
    together = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.blake2b(together.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
