"""Identical calls at two gateways that share a Redis share one upstream call."""

from dataclasses import dataclass

import pytest

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import RawClient
from tests.scenarios.scrape import Scrape
from tests.scenarios.test_single_flight import DONE, WHOLE, askers, piece
from tests.services.redis import RedisServer, wait_for
from tests.upstream import Case, Gate, Hang, Upstream, event_stream, json_answer

pytestmark = pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])


@dataclass
class Pair:
    """Two gateways, both in front of one case of the upstream."""

    first: GatewayProcess
    second: GatewayProcess
    case: Case
    redis: RedisServer

    def lead(self, count: int, stream: bool) -> list[RawClient]:
        """Ask the first, and wait until the upstream is asked."""
        clients = askers(self.first, count, stream)
        self.case.request()
        return clients

    def follow(self, count: int, stream: bool) -> list[RawClient]:
        """Ask the second, and wait until it has told that it waits."""
        clients = askers(self.second, count, stream)
        with self.redis.client() as client:
            wait_for(lambda: client.keys("*:wanted"))
        return clients


class StartPair:
    def __init__(self, start: StartGateway, redis: RedisServer) -> None:
        self._start = start
        self._redis = redis

    def __call__(self, case: Case) -> Pair:
        deployments = [{"provider": "scripted", "model": case.name}]
        sections = {
            "models": {"shared": {"deployments": deployments, "retry": {"attempts": 1}, "cache": {}}},
            "state": {"redis": {"url": self._redis.url, "timeout_ms": 500}},
        }
        return Pair(self._start(**sections), self._start(**sections), case, self._redis)


@pytest.fixture
def start_pair(start_gateway: StartGateway, own_redis: RedisServer) -> StartPair:
    return StartPair(start_gateway, own_redis)


def test_they_share_one_upstream_request(start_pair: StartPair, upstream: Upstream, stream: bool) -> None:
    gate = Gate()
    pieces = (piece("a"), gate, piece("b"), piece("c", "stop"), DONE)
    pair = start_pair(upstream.on(event_stream(*pieces) if stream else [gate, *json_answer(WHOLE)]))
    clients = pair.lead(5, stream) + pair.follow(5, stream)
    gate.open()
    answers = [client.answer() for client in clients]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    if stream:
        assert answers[0].body == piece("a") + piece("b") + piece("c", "stop") + DONE
    assert sorted(str(answer.header("x-isthmus-cache")) for answer in answers) == ["joined"] * 9 + ["miss"]
    assert len(pair.case.requests) == 1


def test_the_first_leaves_and_the_call_goes_on(start_pair: StartPair, upstream: Upstream, stream: bool) -> None:
    gate = Gate()
    pair = start_pair(upstream.on(event_stream(piece("a"), gate, DONE) if stream else [gate, *json_answer(WHOLE)]))
    (leader,) = pair.lead(1, stream)
    (follower,) = pair.follow(1, stream)
    wait_for(lambda: published(pair) or not stream)
    leader.socket.close()
    wait_for(lambda: Scrape(pair.first).sum("requests_in_flight") == 0)
    gate.open()
    assert follower.answer().status == 200
    assert len(pair.case.requests) == 1


def test_the_last_leaves_and_the_upstream_call_ends(start_pair: StartPair, upstream: Upstream, stream: bool) -> None:
    pair = start_pair(upstream.on(event_stream(piece("a"), Hang()) if stream else [Hang()]))
    clients = pair.lead(1, stream) + pair.follow(1, stream)
    for client in clients:
        assert not pair.case.requests[0].is_closed
        client.socket.close()
    pair.case.requests[0].closed_at()
    assert len(pair.case.requests) == 1


def test_the_first_fails_and_another_takes_over(start_pair: StartPair, upstream: Upstream, stream: bool) -> None:
    gate = Gate()
    well = event_stream(piece("a", "stop"), DONE) if stream else json_answer(WHOLE)
    failing = json_answer({"error": {"message": "no"}}, status=500)
    pair = start_pair(upstream.on(lambda _: (gate, *failing) if len(pair.case.requests) == 1 else well))
    clients = pair.lead(1, stream) + pair.follow(5, stream)
    gate.open()
    assert [client.answer().status for client in clients] == [500] + [200] * 5
    assert len(pair.case.requests) == 2


def test_the_leading_process_is_killed(start_pair: StartPair, upstream: Upstream, stream: bool) -> None:
    gate = Gate()
    well = event_stream(piece("b", "stop"), DONE) if stream else json_answer(WHOLE)
    pair = start_pair(upstream.on(lambda _: (gate, Hang()) if len(pair.case.requests) == 1 else well))
    leading = pair.lead(1, stream)
    clients = pair.follow(5, stream)
    pair.first.kill()
    assert {client.answer().status for client in clients} == {200}
    assert len(pair.case.requests) == 2
    assert leading[0].is_closed()


def test_the_leading_process_is_killed_in_mid_answer(start_pair: StartPair, upstream: Upstream, stream: bool) -> None:
    begun = event_stream(piece("a"), Hang()) if stream else [Hang()]
    pair = start_pair(upstream.on(lambda _: begun if len(pair.case.requests) == 1 else json_answer(WHOLE)))
    leading = pair.lead(1, stream)
    (follower,) = pair.follow(1, stream)
    if not stream:
        pair.first.kill()
        assert follower.answer().json == WHOLE
        assert leading[0].is_closed()
        return
    follower.head()
    chunks = follower.chunks()
    assert next(chunks) == piece("a")
    pair.first.kill()
    assert b'"upstream_unreachable"' in b"".join(chunks)
    assert leading[0].head().status == 200
    assert len(pair.case.requests) == 1


def test_redis_hangs_and_everybody_goes_alone(start_pair: StartPair, upstream: Upstream, stream: bool) -> None:
    well = event_stream(piece("a", "stop"), DONE) if stream else json_answer(WHOLE)
    pair = start_pair(upstream.on(lambda _: well))
    pair.redis.pause()
    for gateway in (pair.first, pair.second):
        (client,) = askers(gateway, 1, stream)
        assert client.answer().status == 200
    assert len(pair.case.requests) == 2
    pair.redis.resume()


def test_redis_goes_while_another_is_followed(start_pair: StartPair, upstream: Upstream, stream: bool) -> None:
    gate = Gate()
    well = event_stream(piece("a", "stop"), DONE) if stream else json_answer(WHOLE)
    pair = start_pair(upstream.on(lambda _: (gate, *well) if len(pair.case.requests) == 1 else well))
    (leader,) = pair.lead(1, stream)
    (follower,) = pair.follow(1, stream)
    pair.redis.stop()
    assert follower.answer().status == 200
    assert len(pair.case.requests) == 2
    gate.open()
    assert leader.answer().status == 200


def published(pair: Pair) -> bool:
    """Whether the first has told the second anything."""
    with pair.redis.client() as client:
        return any(client.type(key) == b"list" for key in client.keys("*flight*"))
