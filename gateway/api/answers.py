"""What ordinary doors answer, and what they say while the database does not."""

import msgspec
from litestar.response import Response

from adapters.wire.errors import Unavailable


def json_answer(content: object) -> Response[bytes]:
    """An answer in JSON."""
    return Response(msgspec.json.encode(content), media_type="application/json")


def records_away() -> Unavailable:
    """What is told while the database does not answer."""
    return Unavailable(
        "The database does not answer; what was asked may have been done all the same. Look, and try again.",
        code="records_unavailable",
        retry_after=1,
    )
