"""How lists are asked for: the parameters of a URL, each known and at most once."""

import re
from typing import Any

from litestar import Request

from adapters.wire.errors import BadRequest


def query_of(request: Request[Any, Any, Any], *known: str) -> dict[str, str]:
    """The parameters of a URL. Raises BadRequest for one that nobody knows, or that stands twice."""
    said: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known or name in said:
            problem = "stands twice" if name in said else f"is not known here: {', '.join(known)} are"
            raise BadRequest(f"'{name[:64]}' {problem}.", param=name[:64], code="invalid_value")
        said[name] = value
    return said


def limit_of(said: dict[str, str], default: int, most: int) -> int:
    """How many are wanted. Raises BadRequest."""
    text = said.get("limit")
    if text is None:
        return default
    if not re.fullmatch("[0-9]{1,6}", text) or not 1 <= int(text) <= most:
        raise BadRequest(f"'limit' is a number from 1 to {most}.", param="limit", code="invalid_value")
    return int(text)


def is_ascending(said: dict[str, str]) -> bool:
    """Whether the oldest come first: `order` is asc or desc, the latter unless said. Raises BadRequest."""
    order = said.get("order", "desc")
    if order not in ("asc", "desc"):
        raise BadRequest("'order' is asc or desc.", param="order", code="invalid_value")
    return order == "asc"
