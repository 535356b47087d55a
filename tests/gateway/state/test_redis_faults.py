"""Redis slow, gone, full, flushed, failing over or talking nonsense: nobody waits longer than the time, and nobody is
given what another asked for.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from config import state
from gateway.observe.counters import Counters
from gateway.state.faults import RedisUnavailable
from gateway.state.redis import Redis
from tests.gateway.state.test_redis import GENEROUS, connected, eventually, works
from tests.services.redis import RedisServer, Sentinels, free_port
from tests.upstream.script import PATIENCE

TIMEOUT_MS = 50
SLACK = 0.5
"""Seconds that a busy machine may add."""
SILENCE = 4.0
"""Seconds after which whoever listens asks another connection."""
WITHIN = TIMEOUT_MS / 1_000 + SLACK


async def fails(redis: Redis) -> str:
    """The reason for which a command fails now, and it does so in time."""
    began = time.monotonic()
    with pytest.raises(RedisUnavailable) as raised:
        await redis.command("GET", "a")
    assert time.monotonic() - began < WITHIN
    return str(raised.value)


@asynccontextmanager
async def fake(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[state.Redis]:
    """A server that answers each piece of what it reads with these bytes; None for never again."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if (said := answer(data)) is None:
                await asyncio.Event().wait()
                return
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield state.Redis(url=f"redis://127.0.0.1:{port}", timeout_ms=TIMEOUT_MS)
    finally:
        server.close()


async def test_hanging(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(timeout_ms=TIMEOUT_MS)) as redis:
        await eventually(lambda: works(redis))
        own_redis.pause()
        assert await fails(redis) == "timeout"
        own_redis.resume()
        await eventually(lambda: works(redis))


async def test_trouble_is_known_also_while_nobody_asks(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(timeout_ms=TIMEOUT_MS)) as redis:

        async def told(trouble: str | None) -> bool:
            return redis.trouble == trouble

        own_redis.pause()
        await eventually(lambda: told("timeout"))
        assert redis.conditions() == [("redis", "does not answer: timeout")]
        own_redis.resume()
        await eventually(lambda: told(None))
        assert redis.conditions() == []


async def test_who_listens_to_a_server_that_hangs_is_told_of_the_gap(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(timeout_ms=TIMEOUT_MS)) as redis:
        heard: asyncio.Queue[bytes | None] = asyncio.Queue()
        redis.subscribe("channel", heard.put_nowait)
        async with asyncio.timeout(PATIENCE):
            assert await heard.get() is None
            own_redis.pause()
            await asyncio.sleep(SILENCE)
            own_redis.resume()
            assert await heard.get() is None


async def test_a_sentinel_that_hangs_costs_no_time(redis_sentinels: Sentinels) -> None:
    async with fake(lambda _: None) as hanging:
        first, second = (url.partition("://")[2] for url in (hanging.url, redis_sentinels.url))
        async with connected(state.Redis(url=f"redis+sentinel://{first},{second}", timeout_ms=1_000)) as redis:
            assert await works(redis)


async def test_hanging_before_the_first_connection(own_redis: RedisServer) -> None:
    own_redis.pause()
    async with connected(own_redis.settings(url=f"redis://127.0.0.1:{own_redis.port}/1", timeout_ms=50)) as redis:
        assert await fails(redis) == "timeout"
        own_redis.resume()
        await eventually(lambda: works(redis))


async def test_late_answers_reach_nobody(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(timeout_ms=500)) as redis:
        with own_redis.client() as client:
            client.mset({str(n): str(n) for n in range(100)})
        await eventually(lambda: works(redis))
        own_redis.pause()
        late = [redis.command("GET", n) for n in range(50)]
        assert all(isinstance(each, RedisUnavailable) for each in await asyncio.gather(*late, return_exceptions=True))
        own_redis.resume()
        await eventually(lambda: works(redis))
        answers = await asyncio.gather(*(redis.command("GET", n) for n in range(50, 100)))
        assert answers == [str(n).encode() for n in range(50, 100)]


async def test_a_busy_loop_is_not_a_slow_redis(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(timeout_ms=TIMEOUT_MS)) as redis:
        await eventually(lambda: works(redis))
        asked = asyncio.ensure_future(redis.command("GET", "a"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(TIMEOUT_MS / 1_000 * 2)  # noqa: ASYNC251 - that is what is tested
        assert await asked is None


async def test_gone_and_back(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(timeout_ms=TIMEOUT_MS)) as redis:
        await eventually(lambda: works(redis))
        own_redis.stop()
        assert await fails(redis) in ("lost", "unreachable")
        assert await fails(redis) == "unreachable"
        own_redis.start()
        await eventually(lambda: works(redis))
        assert redis.trouble is None


async def test_the_log_says_when_it_is_back(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("isthmus"), "propagate", True)
    caplog.set_level("INFO", "isthmus")
    async with connected(own_redis.settings(timeout_ms=TIMEOUT_MS)) as redis:

        async def said(last: str) -> bool:
            return bool(caplog.messages) and last in caplog.messages[-1]

        own_redis.stop()
        await fails(redis)
        assert await said("requests go on without it")
        own_redis.start()
        await eventually(lambda: said("it answers again"))


async def test_gone_in_the_middle_of_a_command(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(timeout_ms=5_000)) as redis:
        assert await works(redis)
        own_redis.pause()
        asked = asyncio.ensure_future(redis.command("GET", "a"))
        await asyncio.sleep(0.01)
        own_redis.stop()
        with pytest.raises(RedisUnavailable, match="lost"):
            await asked


async def test_full(own_redis: RedisServer) -> None:
    counters = Counters()
    async with connected(own_redis.settings(timeout_ms=GENEROUS), counters) as redis:
        own_redis.fill()
        with pytest.raises(RedisUnavailable, match="oom"):
            await redis.command("SET", "a", "b")
        assert await redis.command("GET", "a") is None, "what needs no room is answered"
        own_redis.make_room()
        assert await works(redis)
    assert counters.values["redis_errors", "oom"] == 1


async def test_a_full_redis_fails_the_whole_pipeline(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(timeout_ms=GENEROUS)) as redis:
        own_redis.fill()
        with pytest.raises(RedisUnavailable, match="oom"):
            await redis.pipeline([("GET", "a"), ("SET", "a", "b")])


async def test_a_dead_redis_is_left_alone_and_tried_by_one_at_a_time() -> None:
    asked = 0

    def count(data: bytes) -> None:
        nonlocal asked
        asked += data.count(b"GET")

    async with fake(count) as settings, connected(settings) as redis:
        while await fails(redis) == "timeout":
            pass
        before = asked
        began = time.monotonic()
        outcomes = await asyncio.gather(*(fails(redis) for _ in range(100)))
        assert set(outcomes) == {"resting"}
        assert asked == before, "the network was touched"
        assert time.monotonic() - began < SLACK
        assert redis.trouble == "timeout"

        async def tried() -> bool:
            return "timeout" in await asyncio.gather(*(fails(redis) for _ in range(10)))

        await eventually(tried)
        assert asked == before + 1, "more than one tried it"


async def test_a_server_that_takes_connections_and_never_answers() -> None:
    async with fake(lambda _: None) as settings, connected(settings) as redis:
        assert await fails(redis) == "timeout"


async def test_nobody_listens() -> None:
    async with connected(state.Redis(url=f"redis://127.0.0.1:{free_port()}", timeout_ms=TIMEOUT_MS)) as redis:
        assert await fails(redis) == "unreachable"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "protocol"),
        (b"$-5\r\n", "protocol"),
        (b"\x00\xff\x80", "protocol"),
        (b"$5\r\nhel", "timeout"),
        (b"*3\r\n$1\r\na\r\n", "timeout"),
        (b"$-1\r\n$5\r\nextra\r\n", "protocol"),
    ],
)
async def test_nonsense_and_half_answers(said: bytes, reason: str) -> None:
    async with fake(lambda _: said) as settings, connected(settings) as redis:
        outcomes = []
        for _ in range(2):
            try:
                outcomes.append(await redis.command("GET", "a"))
            except RedisUnavailable as error:
                outcomes.append(str(error))
        assert reason in outcomes or outcomes == [None, None]
        assert not [each for each in outcomes if isinstance(each, bytes)], "an answer that was nobody's"


async def test_an_answer_that_drips_is_given_up_in_time() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"$1000\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.01)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with connected(state.Redis(url=f"redis://127.0.0.1:{port}", timeout_ms=TIMEOUT_MS)) as redis:
        assert await fails(redis) in ("timeout", "protocol")
    server.close()


async def test_a_failover(redis_sentinels: Sentinels) -> None:
    async with connected(state.Redis(url=redis_sentinels.url, timeout_ms=200)) as redis:
        await eventually(lambda: works(redis))
        redis_sentinels.fail_over()
        await eventually(lambda: works(redis))
        with redis_sentinels.replica.client() as client:
            assert client.get(redis.key("works")) == b"yes"


async def test_a_master_that_became_a_replica_is_left(own_redis: RedisServer, redis_of_all: RedisServer) -> None:
    async with connected(own_redis.settings(timeout_ms=1_000)) as redis:
        assert await works(redis)
        with own_redis.client() as client:
            client.replicaof("127.0.0.1", redis_of_all.port)
            with pytest.raises(RedisUnavailable, match=r"readonly|masterdown|loading"):
                await redis.command("SET", "a", secrets.token_hex(4))
            client.replicaof("NO", "ONE")
            await eventually(lambda: works(redis))
            connections = [each for each in client.client_list() if each["cmd"] == "set"]
        assert len(connections) == 1, "the one to the replica was kept"
