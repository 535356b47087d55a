import pytest

from adapters.wire.retry_after import limits_reset, retry_after


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


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("x-ratelimit-reset-requests", "1s")], 1),
        ([("x-ratelimit-reset-tokens", "6m0s")], 360),
        ([("x-ratelimit-reset-tokens", "1h2m3.5s")], 3_723.5),
        ([("x-ratelimit-reset-tokens", "120ms")], 0.12),
        ([("x-ratelimit-reset", "2.5")], 2.5),
        ([("x-ratelimit-reset-requests", "1s"), ("x-ratelimit-reset-tokens", "6s")], 6),
        (
            [
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-remaining-tokens", "90"),
                ("x-ratelimit-reset-tokens", "6s"),
            ],
            1,
        ),
        (
            [
                ("x-ratelimit-remaining-requests", "7"),
                ("x-ratelimit-reset-requests", "8s"),
                ("x-ratelimit-remaining-tokens", "90"),
                ("x-ratelimit-reset-tokens", "6s"),
            ],
            6,
        ),
        (
            [
                ("date", "Sun, 01 Nov 2026 12:00:00 GMT"),
                ("anthropic-ratelimit-input-tokens-remaining", "0"),
                ("anthropic-ratelimit-input-tokens-reset", "2026-11-01T12:00:07Z"),
            ],
            7,
        ),
        ([("anthropic-ratelimit-requests-reset", "2026-11-01T12:00:07Z")], None),
        ([("x-ratelimit-reset-tokens", "soon"), ("x-ratelimit-remaining-tokens", "0")], None),
        ([("x-ratelimit-reset-tokens", "")], None),
        ([], None),
    ],
)
def test_the_time_until_a_limit_is_whole_again(headers: list[tuple[str, str]], seconds: float | None) -> None:
    assert limits_reset([(name.encode(), value.encode()) for name, value in headers]) == seconds
