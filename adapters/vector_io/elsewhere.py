"""Vector stores that live with a provider: where its API is, and how the names in its bodies are read. Pure functions.

https://platform.openai.com/docs/api-reference/vector-stores
"""

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

from adapters.inference.contract import Headers
from adapters.inference.openai import join

_STORES: Final = frozenset({"vector_store", "vector_store.deleted"})
_FILES: Final = frozenset({"vector_store.file", "vector_store.file.deleted"})
_ENDS: Final = ("first_id", "last_id")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]")
_WRITTEN: Final = re.compile(r"~([0-9a-f]{1,6})~")


class StoresApi(Struct, frozen=True):
    """A provider's API of vector stores."""

    url: Callable[[str, str], str]
    """The base URL and a path below `/vector_stores`."""
    headers: Headers


def _url(base_url: str, path: str) -> str:
    return join(base_url, f"/vector_stores{quote(path, safe='/')}")


APIS: Final = {"openai": StoresApi(_url, [(b"openai-beta", b"assistants=v2")])}
"""By the dialect in which a provider is asked."""


def written(id: str) -> str:
    """An id of a provider as part of one of the gateway: what could not stand in a path is `~`, its number, and `~`."""
    return "".join(each if _PLAIN.fullmatch(each) else f"~{ord(each):x}~" for each in id)


def read(id: str) -> str:
    """The provider's id again."""
    return _WRITTEN.sub(lambda found: chr(int(found[1], 16)), id)


def renamed(body: Any, store: Callable[[str], str], file: Callable[[str], str]) -> Any:
    """A provider's answer with the gateway's names of stores and files."""
    if isinstance(body, list):
        return [renamed(each, store, file) for each in body]
    if not isinstance(body, dict):
        return body
    name = _name_of(body, store, file)
    changed = {}
    for key, value in body.items():
        if key == "vector_store_id" and isinstance(value, str):
            changed[key] = store(value)
        elif key == "file_id" and isinstance(value, str):
            changed[key] = file(value)
        elif (key == "id" or key in _ENDS) and isinstance(value, str) and value and name is not None:
            changed[key] = name(value)
        elif key in ("attributes", "metadata"):
            changed[key] = value
        else:
            changed[key] = renamed(value, store, file)
    return changed


def _name_of(
    body: dict[str, Any], store: Callable[[str], str], file: Callable[[str], str]
) -> Callable[[str], str] | None:
    """What an object's `id` names; for a list, what those of its items do."""
    items = body.get("data")
    of = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else body
    kind = of.get("object")
    return store if kind in _STORES else file if kind in _FILES else None
