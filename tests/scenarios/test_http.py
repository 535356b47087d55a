"""HTTP/1.1 as clients speak it: keep-alive, pipelining, HEAD, Expect, versions, uploads in chunks, models over GET."""

import gzip
import time
import zlib

import pytest

from tests.conftest import KEY, NARROW_KEY, StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import Answer, RawClient, ask, chat, request
from tests.upstream import Cut, Gate, Upstream, event_stream, frame, json_answer, whole

pytestmark = pytest.mark.usefixtures("next_request_works")


def get(gateway: GatewayProcess, path: str, key: str = KEY) -> Answer:
    with RawClient(gateway.port) as client:
        client.send(f"GET {path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {key}\r\n\r\n".encode())
        return client.answer()


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_a_connection_serves_one_request_after_the_other(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({"id": "x"}))
    streamed = upstream.on(event_stream(frame("[DONE]")))
    with RawClient(gateway.port) as client:
        for _ in range(3):
            client.post(chat(case.model))
            assert client.answer().json == {"id": "x"}
            client.post(chat(streamed.model, stream=True))
            assert client.answer().body == frame("[DONE]")
            client.post(b"{")
            assert client.answer().status == 400


def test_the_upstreams_connection_is_kept_too(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}))
    for _ in range(3):
        ask(gateway.port, chat(case.model))
    assert len({one.connection for one in case.requests}) == 1


def test_an_upstream_that_closes_after_each_answer_is_asked_anew(gateway: GatewayProcess, upstream: Upstream) -> None:
    """It does not say so: each kept connection is stale when it is used again, and the request goes once more."""
    case = upstream.on([*json_answer({"id": "x"}), Cut()])
    for _ in range(10):
        assert ask(gateway.port, chat(case.model)).json == {"id": "x"}
    assert len(case.requests) == 10


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_answer_is_unpacked(gateway: GatewayProcess, upstream: Upstream, coding: str) -> None:
    raw = b'{"id":"x","long":"' + b"y" * 100_000 + b'"}'
    packed = gzip.compress(raw) if coding == "gzip" else zlib.compress(raw)
    answer = ask(gateway.port, chat(upstream.on(whole(200, packed, ("content-encoding", coding))).model))
    assert answer.body == raw
    assert answer.header("content-encoding") is None


def test_a_compressed_stream_is_unpacked(gateway: GatewayProcess, upstream: Upstream) -> None:
    frames = frame({"choices": []}) * 50 + frame("[DONE]")
    packed = gzip.compress(frames)
    pieces = [packed[start : start + 7] for start in range(0, len(packed), 7)]
    case = upstream.on(event_stream(*pieces, headers=[("content-encoding", "gzip")]))
    assert ask(gateway.port, chat(case.model, stream=True)).body == frames


def test_requests_sent_together_are_answered_in_order(gateway: GatewayProcess, upstream: Upstream) -> None:
    gate = Gate()
    slow = upstream.on([gate, *json_answer({"id": "slow"})])
    quick = upstream.on(json_answer({"id": "quick"}))
    with RawClient(gateway.port) as client:
        client.send(request(chat(slow.model)) + request(b"{") + request(chat(quick.model)))
        slow.request()
        assert quick.requests == []
        gate.open()
        assert client.answer().json == {"id": "slow"}
        assert client.answer().status == 400
        assert client.answer().json == {"id": "quick"}


def test_a_hundred_requests_sent_together_are_all_answered(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({"id": "x"}))
    with RawClient(gateway.port) as client:
        client.send(request(chat(case.model)) * 100)
        assert [client.answer().status for _ in range(100)] == [200] * 100


def test_connection_close_is_honoured(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}))
    with RawClient(gateway.port) as client:
        client.post(chat(case.model), connection="close")
        assert client.answer().header("connection") == "close"
        assert client.is_closed()


def test_http_1_0_is_answered_and_closed(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(event_stream(frame({"choices": []}), frame("[DONE]")))
    with RawClient(gateway.port) as client:
        client.send(request(chat(case.model, stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0"))
        head = client.head()
        assert head.status == 200
        assert head.header("transfer-encoding") is None
        assert client.rest() == frame({"choices": []}) + frame("[DONE]")


def test_a_body_in_chunks_is_taken(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}))
    body = b'{"model": "%b", "messages": []}' % case.model.encode()
    head = request(b"", content_length="", transfer_encoding="chunked")
    with RawClient(gateway.port) as client:
        client.send(head + chunked(*(body[i : i + 5] for i in range(0, len(body), 5))))
        assert client.answer().status == 200
    sent = case.request()
    assert sent.header("content-length") == str(len(sent.body))
    assert sent.header("transfer-encoding") is None


def test_continue_is_said_before_the_body_is_read(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({"id": "x"}))
    whole = request(chat(case.model), expect="100-continue")
    head, blank, body = whole.partition(b"\r\n\r\n")
    with RawClient(gateway.port) as client:
        client.send(head + blank)
        assert client.answer().status == 100
        client.send(body)
        assert client.answer().json == {"id": "x"}


def test_continue_is_not_said_to_a_stranger(gateway: GatewayProcess) -> None:
    head = request(b"{}", expect="100-continue", authorization="Bearer wrong-key-000000").partition(b"{}")[0]
    with RawClient(gateway.port) as client:
        client.send(head)
        assert client.answer().status == 401


def test_an_answer_to_head_has_no_body(gateway: GatewayProcess) -> None:
    with RawClient(gateway.port) as client:  # nothing of a body stands before the next answer
        client.send(b"HEAD /v1/nowhere HTTP/1.1\r\nhost: g\r\n\r\n")
        assert client.answer(to_head=True).status == 404
        client.post(chat("scripted/talker"))
        assert client.answer().status == 200


def test_head_of_an_inference_path_has_no_body(gateway: GatewayProcess) -> None:
    with RawClient(gateway.port) as client:
        client.send(b"HEAD /v1/chat/completions HTTP/1.1\r\nhost: g\r\n\r\n")
        assert client.answer(to_head=True).status == 405
        client.post(chat("scripted/talker"))
        assert client.answer().status == 200


@pytest.mark.parametrize("split", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_an_offer_of_another_protocol_is_ignored(
    gateway: GatewayProcess, upstream: Upstream, protocol: str, split: bool
) -> None:
    """Java's HttpClient makes one with every request."""
    case = upstream.on(json_answer({"id": "x"}))
    data = request(chat(case.model), connection="Upgrade, HTTP2-Settings", upgrade=protocol, http2_settings="AAEAAEAA")
    with RawClient(gateway.port) as client:
        for piece in [data[start : start + 50] for start in range(0, len(data), 50)] if split else [data]:
            client.send(piece)
            time.sleep(0.01 if split else 0)
        assert client.answer().json == {"id": "x"}
        client.send(data.replace(b"Upgrade, HTTP2-Settings", b"Upgrade, HTTP2-Settings, close"))
        assert client.answer().header("connection") == "close"
        assert client.is_closed()


def test_a_target_in_absolute_form_is_understood(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({"id": "x"}))
    assert ask(gateway.port, chat(case.model), "http://gateway/v1/chat/completions?a=b").json == {"id": "x"}


def test_a_query_is_ignored_and_a_percent_encoded_path_is_decoded(gateway: GatewayProcess, upstream: Upstream) -> None:
    case = upstream.on(json_answer({"id": "x"}))
    assert ask(gateway.port, chat(case.model), "/v1/chat%2Fcompletions?model=other").json == {"id": "x"}


def test_models_of_the_providers_are_listed(gateway: GatewayProcess) -> None:
    answer = get(gateway, "/v1/models")
    assert answer.json["object"] == "list"
    assert [model["id"] for model in answer.json["data"]] == ["scripted/talker", "scripted/embedder"]
    assert all(model["object"] == "model" and model["owned_by"] for model in answer.json["data"])


def test_only_allowed_models_are_listed(gateway: GatewayProcess) -> None:
    answer = get(gateway, "/v1/models", NARROW_KEY)
    assert [model["id"] for model in answer.json["data"]] == ["scripted/talker"]


@pytest.mark.parametrize("name", ["scripted/talker", "scripted/org/model-7b", "scripted%2Ftalker"])
def test_one_model_is_described(gateway: GatewayProcess, name: str) -> None:
    answer = get(gateway, f"/v1/models/{name}")
    assert answer.status == 200
    assert answer.json["id"] == name.replace("%2F", "/")


@pytest.mark.parametrize(("name", "key"), [("nowhere/x", KEY), ("talker", KEY), ("scripted/embedder", NARROW_KEY)])
def test_an_unknown_or_forbidden_model_is_a_404(gateway: GatewayProcess, name: str, key: str) -> None:
    answer = get(gateway, f"/v1/models/{name}", key)
    assert answer.status == 404
    assert answer.error["code"] == "model_not_found"


def test_a_provider_that_does_not_list_its_models_is_left_out(start_gateway: StartGateway, upstream: Upstream) -> None:
    gateway = start_gateway(provider={"base_url": "http://127.0.0.1:1/v1"})
    assert get(gateway, "/v1/models").json == {"object": "list", "data": []}
    assert "scripted does not list its models" in gateway.log


def test_models_need_a_key(gateway: GatewayProcess) -> None:
    assert get(gateway, "/v1/models", "wrong-key-000000").status == 401
    assert get(gateway, "/v1/models/scripted/talker", "wrong-key-000000").status == 401


def test_configured_names_are_listed(start_gateway: StartGateway) -> None:
    deployments = [{"provider": "scripted", "model": "talker"}]
    gateway = start_gateway(models={"chatty": {"deployments": deployments}, "org/small": {"deployments": deployments}})
    assert [model["id"] for model in get(gateway, "/v1/models").json["data"]] == ["chatty", "org/small"]
    assert get(gateway, "/v1/models/org/small").json["id"] == "org/small"
    assert ask(gateway.port, chat("org/small")).header("x-isthmus-model") == "talker"


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_needs_no_key(gateway: GatewayProcess, path: str) -> None:
    assert get(gateway, path, "wrong-key-000000").status == 200
