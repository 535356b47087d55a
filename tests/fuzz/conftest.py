"""A gateway with keys in front of a model that takes any request, and what the fuzzers hold it to.

`FUZZ=20 python -m pytest tests/fuzz` looks twenty times as long.
"""

import json
import os
from collections.abc import Iterable, Iterator

import pytest

from tests.conftest import KEY, UPSTREAM_KEY
from tests.gateway.api.admin_client import ADMIN_KEY
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import RawClient
from tests.upstream import Case, Request, Step, Upstream, event_stream, frame, json_answer

TIMES = int(os.environ.get("FUZZ", "1"))
MODEL = "any"
ODD_MODEL = "odd"
BODY_BYTES = 4_194_304
GROWTH_MAX = 64 * 1024 * 1024
"""Bytes that the gateway's memory may have more after everything than before."""


def answer(request: Request) -> Iterable[Step]:
    """Answer as OpenAI would, whatever is in the request; cut, so that no schema in it is kept to or broken."""
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    asked = json.loads(request.body, parse_int=float)
    if asked.get("stream") is not True or "completions" not in request.line:
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "length"}
        told = {"id": "1", "object": "any", "model": "any", "choices": [choice], "data": [], "results": []}
        return json_answer({**told, "usage": usage})
    chunk = {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hi"}}]}
    return event_stream(frame(chunk), frame({**chunk, "choices": [], "usage": usage}), frame("[DONE]"))


@pytest.fixture(scope="session")
def patient(upstream: Upstream) -> Case:
    """The model that takes any request."""
    return upstream.on(answer)


@pytest.fixture(scope="session")
def odd(upstream: Upstream) -> Case:
    """A model whose answers the test writes."""
    return upstream.on(())


@pytest.fixture(scope="session")
def fuzzed(
    upstream: Upstream, patient: Case, odd: Case, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """The gateway that is fuzzed; after everything it has logged no fault and has not grown."""
    limits = {"body_bytes": BODY_BYTES, "body_seconds": 5, "idle_seconds": 5}
    config = {
        "server": {"port": 0, "request_log": True, "limits": limits},
        "keys": [{"name": "fuzzer", "key": KEY}],
        "admin": {"key": ADMIN_KEY},
        "state": {"records": {"folder": str(tmp_path_factory.mktemp("state"))}},
        "files": {},
        "vector_stores": {"embedding": {"model": MODEL}, "stores_of_owner": 100_000},
        "providers": {"scripted": {"base_url": upstream.base_url, "api_key": UPSTREAM_KEY}},
        "models": {
            name: {"deployments": [{"provider": "scripted", "model": case.name}]}
            for name, case in ((MODEL, patient), (ODD_MODEL, odd))
        },
    }
    with GatewayProcess(config, tmp_path_factory.mktemp("fuzzed")) as running:
        before = running.memory
        yield running
        assert running.memory - before < GROWTH_MAX
    running.assert_no_fault(secrets=(UPSTREAM_KEY, KEY, ADMIN_KEY))


@pytest.fixture(scope="session")
def vector_store(fuzzed: GatewayProcess) -> str:
    """The id of one that stays, with nothing in it."""
    with RawClient(fuzzed.port) as client:
        client.send(
            b"POST /v1/vector_stores HTTP/1.1\r\nhost: g\r\ncontent-length: 2\r\n"
            b"authorization: Bearer " + KEY.encode() + b"\r\n\r\n{}"
        )
        made: str = client.answer().json["id"]
    return made
