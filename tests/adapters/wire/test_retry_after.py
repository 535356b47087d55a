import pytest

from adapters.wire.retry_after import retry_after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "0", "retry-after": "1"}, 1.0),
        ({"retry-after": "Wed, 19 Aug 2026 14:35:22 GMT", "date": "Wed, 19 Aug 2026 14:34:22 GMT"}, 60.0),
        ({"retry-after": "Wed, 19 Aug 2026 14:34:22 GMT", "date": "Wed, 19 Aug 2026 14:35:22 GMT"}, 0.0),
        ({"retry-after": "Wed, 19 Aug 2026 14:35:22 GMT"}, None),
        ({"retry-after": "Wed, 19 Aug 2026 14:35:22", "date": "Wed, 19 Aug 2026 14:34:22 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "\xff"}, None),
    ],
)
def test_the_wait_is_read_from_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    assert retry_after(raw) == seconds
