"""The master of a Redis behind sentinels is gone in the midst of requests: none fails, and its replica goes on."""

import threading
from typing import Any

from tests.conftest import KEY, StartGateway
from tests.scenarios.raw import RawClient, ask, chat
from tests.scenarios.test_caching import ANSWER
from tests.scenarios.test_client_disconnect import until
from tests.services.redis import Sentinels
from tests.upstream import Upstream, json_answer

MOST = 100_000


def remaining(port: int) -> int:
    answer = ask(port, chat("m", user="standing"), authorization=f"Bearer {KEY}")
    assert answer.status == 200
    return int(answer.header("x-ratelimit-remaining-requests") or 0)


def is_kept(port: int, content: str) -> bool:
    body = chat("m", messages=[{"role": "user", "content": content}])
    return ask(port, body, authorization=f"Bearer {KEY}").header("x-isthmus-cache") == "hit"


def test_limits_and_cache_go_on_at_the_next_master(
    start_gateway: StartGateway, upstream: Upstream, redis_sentinels: Sentinels
) -> None:
    case = upstream.on(json_answer(ANSWER))
    route: dict[str, Any] = {"deployments": [{"provider": "scripted", "model": case.name}], "cache": {}}
    gateway = start_gateway(
        keys=[{"name": "a", "key": KEY, "limit": {"requests_per_day": MOST}}],
        models={"m": route},
        cache={"store": "redis"},
        state={"redis": {"url": redis_sentinels.url, "timeout_ms": 200}},
    )
    statuses: list[int] = []
    over = threading.Event()

    def go_on_asking() -> None:
        with RawClient(gateway.port) as client:
            while not over.is_set():
                content = f"question {len(statuses)}"
                body = chat("m", messages=[{"role": "user", "content": content}])
                client.post(body, authorization=f"Bearer {KEY}")
                statuses.append(client.answer().status)

    asking = threading.Thread(target=go_on_asking)
    asking.start()
    try:
        until(lambda: len(statuses) > 20)
        redis_sentinels.fail_over()
        until(lambda: is_kept(gateway.port, "asked at the next master"))
        before = remaining(gateway.port)
        until(lambda: remaining(gateway.port) < before)
        with redis_sentinels.replica.client() as client:
            assert client.dbsize()
    finally:
        over.set()
        asking.join()
    assert set(statuses) == {200}
