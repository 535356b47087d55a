"""Bodies are bounded one by one and all together."""

from typing import Any

import pytest

from adapters.wire.errors import BadRequest, Overloaded, TooLarge
from config.schema import Limits
from gateway.api.bodies import Bodies

LIMITS = Limits(body_bytes=2_048, held_bytes=3_000)


def arriving(*parts: bytes) -> Any:
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages[-1]["more_body"] = False

    async def receive() -> Any:
        return messages.pop(0)

    return receive


async def test_a_body_is_joined_from_its_parts() -> None:
    assert await Bodies().read(arriving(b"{", b"}"), {}, LIMITS) == b"{}"


async def test_a_body_over_the_limit_is_refused_and_no_longer_held() -> None:
    bodies = Bodies()
    for _ in range(3):
        with pytest.raises(TooLarge):
            await bodies.read(arriving(b"x" * 1_500, b"x" * 1_500), {}, LIMITS)
    assert await bodies.read(arriving(b"{}"), {}, LIMITS) == b"{}"


async def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(TooLarge):
        await Bodies().read(arriving(b""), {b"content-length": b"2049"}, LIMITS)


async def test_bodies_of_requests_in_progress_count_together_until_released() -> None:
    bodies = Bodies()
    first = await bodies.read(arriving(b"x" * 2_000), {}, LIMITS)
    with pytest.raises(Overloaded):
        await bodies.read(arriving(b"x" * 2_000), {}, LIMITS)
    bodies.release(first)
    assert len(await bodies.read(arriving(b"x" * 2_000), {}, LIMITS)) == 2_000


async def test_a_client_that_leaves_is_no_longer_held() -> None:
    bodies = Bodies()
    messages = [{"type": "http.request", "body": b"x" * 2_000, "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    with pytest.raises(BadRequest):
        await bodies.read(receive, {}, LIMITS)
    assert len(await bodies.read(arriving(b"x" * 2_000), {}, LIMITS)) == 2_000
