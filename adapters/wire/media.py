"""Images, documents and sound inside a message: a URL, or bytes in a data URL."""

import binascii
import re
from base64 import b64decode
from typing import NamedTuple

from adapters.wire.errors import BadRequest

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*);base64,(.*)", re.DOTALL | re.ASCII)


class Media(NamedTuple):
    """Bytes in base64, and what they are."""

    media_type: str
    data: str


def data_url(url: str, param: str) -> Media | None:
    """What a data URL holds; None for any other URL. https://www.rfc-editor.org/rfc/rfc2397

    Raises BadRequest on one that is not in base64.
    """
    if not url.startswith("data:"):
        return None
    match = _DATA_URL.fullmatch(url)
    if match is None:
        raise BadRequest(f"'{param}' must be a data URL in base64: data:image/png;base64,…", param=param)
    return Media(match[1] or "text/plain", "".join(match[3].split()))


def decoded(media: Media, param: str) -> bytes:
    """The bytes. Raises BadRequest on what is no base64."""
    try:
        return b64decode(media.data, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(f"'{param}' is not valid base64.", param=param, code="invalid_base64") from None
