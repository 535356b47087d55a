"""The shared Redis while it is well: commands, pipelines, scripts, messages, and every kind of URL."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from config import state
from gateway.observe.counters import Counters
from gateway.state.faults import RedisUnavailable
from gateway.state.redis import Redis
from gateway.state.resp.cluster import slot_of
from tests.services.redis import Cluster, RedisServer, Sentinels, Tls
from tests.upstream.script import PATIENCE

GENEROUS = 5_000
"""Milliseconds: these tests are about what is answered, not about when."""


@asynccontextmanager
async def connected(settings: state.Redis, counters: Counters | None = None) -> AsyncIterator[Redis]:
    redis = Redis(settings, counters or Counters())
    try:
        yield redis
    finally:
        await redis.close()


@pytest.fixture
async def redis(redis_of_all: RedisServer) -> AsyncIterator[Redis]:
    async with connected(redis_of_all.settings(secrets.token_hex(4), timeout_ms=GENEROUS)) as one:
        yield one


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(round(PATIENCE / 0.02)):
        if await holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came to pass")


async def works(redis: Redis) -> bool:
    """Whether a command is answered now."""
    try:
        await redis.command("SET", redis.key("works"), "yes")
    except RedisUnavailable:
        return False
    return True


async def test_a_command_is_answered_as_redis_answers(redis: Redis) -> None:
    key = redis.key("a")
    assert await redis.command("SET", key, b"\x00\r\n") == b"OK"
    assert await redis.command("GET", key) == b"\x00\r\n"
    assert await redis.command("GET", redis.key("none")) is None
    assert await redis.command("DEL", redis.key("none")) == 0


async def test_commands_of_one_tick_each_get_their_own_answer(redis: Redis) -> None:
    await asyncio.gather(*(redis.command("SET", redis.key(str(n)), n) for n in range(500)))
    answers = await asyncio.gather(*(redis.command("GET", redis.key(str(n))) for n in range(500)))
    assert answers == [str(n).encode() for n in range(500)]


async def test_a_pipeline_gives_all_answers_in_order(redis: Redis) -> None:
    key = redis.key("list")
    assert await redis.pipeline([("RPUSH", key, "a"), ("RPUSH", key, "b"), ("LRANGE", key, 0, -1)]) == [
        1,
        2,
        [b"a", b"b"],
    ]
    assert await redis.pipeline([("LLEN", key)]) == [2]
    assert await redis.pipeline([]) == []


async def test_a_caller_that_leaves_takes_no_answer_from_others(redis: Redis) -> None:
    await redis.command("SET", redis.key("a"), "a")
    await redis.command("SET", redis.key("b"), "b")
    left = asyncio.ensure_future(redis.command("GET", redis.key("a")))
    stays = asyncio.ensure_future(redis.command("GET", redis.key("b")))
    await asyncio.sleep(0)
    left.cancel()
    assert await stays == b"b"


async def test_what_redis_refuses_is_unavailable_and_counted(redis_of_all: RedisServer) -> None:
    counters = Counters()
    async with connected(redis_of_all.settings(secrets.token_hex(4), timeout_ms=GENEROUS), counters) as redis:
        await redis.command("SET", redis.key("text"), "x")
        with pytest.raises(RedisUnavailable, match="wrongtype"):
            await redis.command("RPUSH", redis.key("text"), "x")
        assert await redis.command("GET", redis.key("text")) == b"x"
    assert counters.values["redis_errors", "wrongtype"] == 1
    assert counters.values["redis_commands",] == 3


async def test_what_redis_says_is_not_logged(redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RedisUnavailable) as raised:
        await redis.command("NONSENSE", "sk-secret")
    assert "sk-secret" not in caplog.text + str(raised.value)


async def test_a_script_is_sent_once_and_called_by_its_digest(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(timeout_ms=GENEROUS)) as redis:
        add = redis.script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
        assert [await add([redis.key("n")], [2]) for _ in range(3)] == [2, 4, 6]
        with own_redis.client(decode_responses=True) as client:
            told: Any = client.info("commandstats")
        assert told["cmdstat_eval"]["calls"] == 1
        assert told["cmdstat_evalsha"]["calls"] == 3


async def test_a_script_that_redis_lost_is_sent_again(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(timeout_ms=GENEROUS)) as redis:
        one = redis.script("return 1")
        assert await one([], []) == 1
        own_redis.flush()
        assert await one([], []) == 1


async def test_messages_are_heard(redis: Redis) -> None:
    heard: asyncio.Queue[bytes | None] = asyncio.Queue()
    subscription = redis.subscribe(redis.key("channel"), heard.put_nowait)
    async with asyncio.timeout(PATIENCE):
        assert await heard.get() is None
        await redis.command("PUBLISH", redis.key("other"), "not for us")
        await redis.command("PUBLISH", redis.key("channel"), "for us")
        assert await heard.get() == b"for us"
    subscription.close()


async def test_one_connection_listens_to_all_channels_and_leaves_them(redis: Redis) -> None:
    heard: asyncio.Queue[bytes | None] = asyncio.Queue()
    first = redis.subscribe(redis.key("first"), heard.put_nowait)
    async with asyncio.timeout(PATIENCE):
        assert await heard.get() is None
        second = redis.subscribe(redis.key("second"), heard.put_nowait)
        assert await heard.get() is None
        first.close()
        await eventually(lambda: _listeners(redis, "first", 0))
        assert await redis.command("PUBLISH", redis.key("second"), "two") == 1
        assert await heard.get() == b"two"
    second.close()


async def _listeners(redis: Redis, channel: str, count: int) -> bool:
    answer = await redis.command("PUBSUB", "NUMSUB", redis.key(channel))
    return bool(answer[1] == count)


async def test_messages_are_heard_again_after_a_restart(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(timeout_ms=GENEROUS)) as redis:
        heard: asyncio.Queue[bytes | None] = asyncio.Queue()
        redis.subscribe("channel", heard.put_nowait)
        async with asyncio.timeout(PATIENCE):
            assert await heard.get() is None
            own_redis.restart()
            assert await heard.get() is None, "a gap is told"
            await eventually(lambda: works(redis))
            await redis.command("PUBLISH", "channel", "again")
            assert await heard.get() == b"again"


async def test_more_connections_are_opened_under_load_up_to_the_bound(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(timeout_ms=GENEROUS, connections=3)) as redis:
        await asyncio.gather(*(redis.command("SET", str(n), n) for n in range(2_000)))
        with own_redis.client() as client:
            assert len(client.client_list()) == 3 + 1


async def test_a_database_of_its_own(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(url=f"redis://127.0.0.1:{own_redis.port}/3")) as redis:
        await redis.command("SET", "a", "b")
        with own_redis.client(db=3) as client:
            assert client.get("a") == b"b"


async def hears(redis: Redis) -> None:
    """What is published is heard."""
    heard: asyncio.Queue[bytes | None] = asyncio.Queue()
    subscription = redis.subscribe("channel", heard.put_nowait)
    async with asyncio.timeout(PATIENCE):
        assert await heard.get() is None
        await redis.command("PUBLISH", "channel", "hello")
        assert await heard.get() == b"hello"
    subscription.close()


async def test_a_unix_socket(own_redis: RedisServer) -> None:
    async with connected(own_redis.settings(url=f"unix://{own_redis.socket}?db=2", timeout_ms=GENEROUS)) as redis:
        await hears(redis)
        await redis.command("SET", "a", "b")
        with own_redis.client(db=2) as client:
            assert client.get("a") == b"b"


async def test_a_user_with_a_password(redis_with_password: RedisServer) -> None:
    url = f"redis://gateway:redis%2Dsecret@127.0.0.1:{redis_with_password.port}"
    async with connected(redis_with_password.settings(url=url, timeout_ms=GENEROUS)) as redis:
        assert await redis.command("ACL", "WHOAMI") == b"gateway"
        await hears(redis)


async def test_a_wrong_password_is_no_answer_and_never_told(
    redis_with_password: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"redis://gateway:wrong-secret@127.0.0.1:{redis_with_password.port}"
    async with connected(redis_with_password.settings(url=url, timeout_ms=GENEROUS)) as redis:
        with pytest.raises(RedisUnavailable, match="refused_login"):
            await redis.command("PING")
    assert "wrong-secret" not in caplog.text


async def test_tls(tls_redis: Tls) -> None:
    settings = tls_redis.server.settings(url=tls_redis.url, ca_file=str(tls_redis.ca_file), timeout_ms=GENEROUS)
    async with connected(settings) as redis:
        assert await redis.command("PING") == b"PONG"
        await hears(redis)


async def test_tls_with_an_authority_that_nobody_trusts(tls_redis: Tls) -> None:
    async with connected(tls_redis.server.settings(url=tls_redis.url, timeout_ms=GENEROUS)) as redis:
        with pytest.raises(RedisUnavailable, match="unreachable"):
            await redis.command("PING")


async def test_a_cluster_is_asked_where_the_key_is(redis_cluster: Cluster) -> None:
    async with connected(state.Redis(url=redis_cluster.url, timeout_ms=GENEROUS)) as redis:
        keys = [redis.key(secrets.token_hex(4)) for _ in range(100)]
        await asyncio.gather(*(redis.command("SET", key, key) for key in keys))
        assert await redis.pipeline([("GET", key) for key in keys]) == [key.encode() for key in keys]
        add = redis.script("return {KEYS[1], KEYS[2]}")
        both = [redis.key("{tag}", "a"), redis.key("{tag}", "b")]
        assert await add(both, []) == [key.encode() for key in both]


async def test_a_cluster_passes_messages_on(redis_cluster: Cluster) -> None:
    async with connected(state.Redis(url=redis_cluster.url, timeout_ms=GENEROUS)) as redis:
        await hears(redis)


async def test_a_slot_that_moved_is_followed(redis_cluster: Cluster) -> None:
    async with connected(state.Redis(url=redis_cluster.url, timeout_ms=GENEROUS)) as redis:
        key = redis.key(secrets.token_hex(4))
        assert await redis.command("GET", key) is None
        slot = slot_of(("GET", key))
        assert slot is not None
        redis_cluster.move(slot)
        await redis.command("SET", key, "moved")
        assert await redis.command("GET", key) == b"moved"


@pytest.mark.parametrize(
    ("command", "slot"),
    [
        (("GET", "123456789"), 12739),
        (("SET", "{user1000}.following", 1), 3443),
        (("SET", "{user1000}.followers", 1), 3443),
        (("GET", "foo{}{bar}"), 8363),
        (("EVALSHA", "digest", 1, "123456789"), 12739),
        (("XREAD", "COUNT", 1, "STREAMS", "123456789", "0"), 12739),
        (("EVAL", "return 1", 0), None),
        (("PUBLISH", "channel", "message"), None),
    ],
)
def test_the_slot_of_a_command(command: tuple[Any, ...], slot: int | None) -> None:
    """The specification's own examples, and those of `CLUSTER KEYSLOT`."""
    assert slot_of(command) == slot


async def test_sentinels_know_the_master(redis_sentinels: Sentinels) -> None:
    async with connected(state.Redis(url=redis_sentinels.url, timeout_ms=GENEROUS)) as redis:
        await redis.command("SET", "a", "b")
        with redis_sentinels.master.client() as client:
            assert client.get("a") == b"b"
        await hears(redis)


async def test_sentinels_that_demand_a_password_are_told_it(redis_sentinels: Sentinels) -> None:
    with redis_sentinels.sentinel() as sentinel, redis_sentinels.master.client() as master:
        sentinel.execute_command("ACL", "SETUSER", "default", ">secret")
        master.config_set("requirepass", "secret")
    url = redis_sentinels.url.replace("://", "://:secret@")
    async with connected(state.Redis(url=url, timeout_ms=GENEROUS)) as redis:
        assert await redis.command("PING") == b"PONG"
        await hears(redis)
