"""One attempt at a real upstream: what comes back, and what its errors carry."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from adapters.inference.contract import Target
from adapters.wire.errors import BadRequest, GatewayError, UpstreamError, UpstreamUnreachable
from config.schema import Config, Provider
from gateway.call import Call, Reply
from gateway.dispatch import Dispatch
from gateway.onion import Live, build
from tests.gateway.calls import a_call, surroundings
from tests.upstream import Case, Cut, Upstream, event_stream, frame, json_answer, whole

REFUSED = {"error": {"message": "no"}}
CHUNK = {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}
USAGE = {"prompt_tokens": 2, "completion_tokens": 3}
ASKED = (("x-request-id", "theirs"), ("x-ratelimit-remaining-tokens", "9"), ("set-cookie", "a=b"))

Serve = Callable[..., tuple[Dispatch, Target]]


@pytest.fixture
async def serve(upstream: Upstream) -> AsyncIterator[Serve]:
    """A dispatch to one provider with these settings, and a target for a case."""
    running: list[Live] = []

    def start(case: Case, **settings: Any) -> tuple[Dispatch, Target]:
        around = surroundings()
        config = Config(providers={"lab": Provider(base_url=upstream.base_url, **settings)})
        live = Live(build(config, around), around)
        running.append(live)
        return Dispatch(live.onion.providers, live.count), live.onion.routes.find(f"lab/{case.name}").targets[0]

    yield start
    for live in running:
        await live.close()


async def refusal(dispatch: Dispatch, call: Call, target: Target) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await dispatch.attempt(call, target)
    return caught.value


async def test_an_answer_says_who_gave_it_and_what_it_cost(serve: Serve, upstream: Upstream) -> None:
    case = upstream.on(json_answer({"choices": [], "usage": USAGE}, *ASKED))
    dispatch, target = serve(case)
    call = a_call()
    reply = await dispatch.attempt(call, target)
    assert reply.headers == [
        (b"x-request-id", b"req_1"),
        (b"x-isthmus-provider", b"lab"),
        (b"x-isthmus-model", case.name.encode()),
        (b"x-isthmus-upstream-request-id", b"theirs"),
        (b"x-ratelimit-remaining-tokens", b"9"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(reply.body)).encode()),
    ]
    assert call.usage is not None
    assert call.usage.completion_tokens == 3
    assert call.target is target


async def test_a_stream_is_handed_over_with_its_first_frame(serve: Serve, upstream: Upstream) -> None:
    dispatch, target = serve(upstream.on(event_stream(b": hello\n\n", frame(CHUNK), frame("[DONE]"))))
    reply: Reply = await dispatch.attempt(a_call(stream=True), target)
    assert (b"content-type", b"text/event-stream; charset=utf-8") in reply.headers
    assert reply.stream is not None
    assert reply.stream.first.startswith(b": hello\n\n")
    reply.stream.response.close()


async def test_dropped_parameters_are_named(serve: Serve, upstream: Upstream) -> None:
    dispatch, target = serve(upstream.on(json_answer({})), unsupported=["seed", "logprobs", "user"])
    reply = await dispatch.attempt(a_call(seed=1, logprobs=True), target)
    assert (b"x-isthmus-dropped", b"seed=unsupported, logprobs=unsupported") in reply.headers


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a\r\nx-evil: 1"], b"a??x-evil:?1=unsupported"),
        (["h\u00e9, b"], b"h???b=unsupported"),
        (["n" * 500], b"n" * 96),
        ([f"n{number}" for number in range(40)], b"n31=unsupported, and-8-more"),
    ],
    ids=["line breaks", "no ASCII", "long", "many"],
)
async def test_names_that_a_client_made_up_are_made_fit_for_a_header(
    serve: Serve, upstream: Upstream, names: list[str], told: bytes
) -> None:
    dispatch, target = serve(upstream.on(json_answer({})), unsupported=names)
    fields: dict[str, Any] = dict.fromkeys(names, 1)
    reply = await dispatch.attempt(a_call(**fields), target)
    assert dict(reply.headers)[b"x-isthmus-dropped"].endswith(told)


@pytest.mark.parametrize(
    ("fields", "steps"),
    [
        pytest.param({}, json_answer(REFUSED, *ASKED, status=429), id="a refusal"),
        pytest.param({}, json_answer(REFUSED, *ASKED), id="an error inside an answer"),
        pytest.param({}, whole(200, b"hello", *ASKED), id="no JSON"),
        pytest.param({"stream": True}, json_answer({"choices": []}, *ASKED), id="no stream"),
        pytest.param({"stream": True}, event_stream(headers=ASKED), id="an empty stream"),
        pytest.param({"stream": True}, event_stream(frame(REFUSED), headers=ASKED), id="an error first"),
        pytest.param({"stream": True}, event_stream(b"data: {", Cut(), headers=ASKED), id="a stream that breaks first"),
    ],
)
async def test_an_error_says_whose_it_is(serve: Serve, upstream: Upstream, fields: Any, steps: Any) -> None:
    case = upstream.on(steps)
    dispatch, target = serve(case)
    error = await refusal(dispatch, a_call(**fields), target)
    assert isinstance(error, UpstreamError)
    assert [header for header in error.headers if header[0].startswith(b"x-")] == [
        (b"x-request-id", b"req_1"),
        (b"x-isthmus-provider", b"lab"),
        (b"x-isthmus-model", case.name.encode()),
        (b"x-isthmus-upstream-request-id", b"theirs"),
        (b"x-ratelimit-remaining-tokens", b"9"),
    ]


async def test_where_the_gateway_tells_limits_of_its_own_the_providers_have_other_names(
    serve: Serve, upstream: Upstream
) -> None:
    dispatch, target = serve(upstream.on(json_answer({"choices": [], "usage": USAGE}, *ASKED)))
    call = a_call()
    call.is_limited = True
    reply = await dispatch.attempt(call, target)
    told = dict(reply.headers)
    assert told[b"x-isthmus-upstream-ratelimit-remaining-tokens"] == b"9"
    assert b"x-ratelimit-remaining-tokens" not in told


async def test_an_operation_that_the_provider_lacks_is_refused_before_anything_is_sent(
    serve: Serve, upstream: Upstream
) -> None:
    case = upstream.on(json_answer({}))
    dispatch, target = serve(case, operations=["embeddings"])
    error = await refusal(dispatch, a_call(), target)
    assert isinstance(error, BadRequest)
    assert (error.code, error.param) == ("unsupported", "model")
    assert not case.requests


async def test_a_rerank_is_answered_whole_and_is_no_text_to_count(serve: Serve, upstream: Upstream) -> None:
    told = {"results": [{"index": 0, "relevance_score": 0.5}]}
    dispatch, target = serve(upstream.on(json_answer(told)))
    call = a_call("rerank", query="q", documents=["a"], stream=True)
    reply = await dispatch.attempt(call, target)
    assert (reply.stream, json.loads(reply.body)) == (None, told)
    assert (call.usage, call.transcript) == (None, [])


async def test_a_connection_that_breaks_before_the_answer_is_unreachable(serve: Serve, upstream: Upstream) -> None:
    dispatch, target = serve(upstream.on((Cut(),)))
    assert isinstance(await refusal(dispatch, a_call(), target), UpstreamUnreachable)
