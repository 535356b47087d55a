"""Guardrails around inference, as clients meet them: official SDKs, and a model that says what it is told."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic import Anthropic
from openai import APIStatusError, BadRequestError, OpenAI

from tests.conftest import KEY, UPSTREAM_KEY, StartGateway
from tests.gateway_process import GatewayProcess
from tests.ledger import Row, rows_of
from tests.scenarios.raw import RawClient, ask, chat
from tests.scenarios.scrape import Scrape
from tests.scenarios.test_reload import reload
from tests.services.redis import wait_for
from tests.upstream import Case, Gate, Hang, Upstream, event_stream, frame, json_answer
from tests.upstream.script import PATIENCE

CARD = "4111 1111 1111 1111"
MAIL = "alice@example.com"
TEXT = f"My card is {CARD} and my mail {MAIL}, " + "and there is more to say. " * 20
REDACTED = TEXT.replace(CARD, "<CREDIT_CARD>").replace(MAIL, "<EMAIL_ADDRESS>")
AWS = {"guardrail": "g", "region": "eu-central-1", "access_key_id": "a", "secret_access_key": "s", "seconds": 1}
CHECKS = {
    "pii": {"type": "pii_patterns"},
    "cards": {"type": "pii_patterns", "options": {"entities": ["CREDIT_CARD"]}},
    "down": {"type": "bedrock_guardrails", "options": {**AWS, "base_url": "http://127.0.0.1:9"}},
    "slow": {"type": "tests.scenarios.odd_checks:CHECK", "options": {"how": "slow"}},
    "nonsense": {"type": "tests.scenarios.odd_checks:CHECK", "options": {"how": "nonsense"}},
    "llama": {"type": "llama_guard", "options": {"model": "guard"}},
    "raises": {"type": "tests.scenarios.odd_checks:CHECK", "options": {"how": "raises"}},
}
UNSAFE = {"index": 0, "message": {"role": "assistant", "content": "unsafe\nS1"}, "finish_reason": "stop"}
POLICIES: dict[str, dict[str, Any]] = {
    "open": {},
    "blocks-input": {"input": [{"check": "pii"}]},
    "redacts-input": {"input": [{"check": "pii", "action": "redact"}]},
    "redacts-output": {"output": [{"check": "pii", "action": "redact"}], "window": 32, "overlap": 32},
    "blocks-output": {"output": [{"check": "cards"}], "window": 32, "overlap": 32},
    "annotates": {
        "input": [{"check": "pii", "action": "annotate"}],
        "output": [{"check": "cards", "action": "annotate"}],
    },
}
for _name in ("down", "slow", "nonsense", "raises"):
    for _failure in ("open", "closed"):
        _guardrail = {"check": _name, "on_failure": _failure, "timeout": 0.3 if _name == "slow" else 5}
        POLICIES[f"{_name}-{_failure}"] = {"input": [_guardrail]}


def model(name: str, **guardrails: Any) -> dict[str, Any]:
    return {"deployments": [{"provider": "scripted", "model": name}], "guardrails": guardrails or None}


def delta(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return frame({"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})


@pytest.fixture(scope="module")
def cases(upstream: Upstream) -> dict[str, Case]:
    """Models that do not come to their end by themselves."""
    return {
        "left": upstream.on(event_stream(delta("some text"), Hang())),
        "cut": upstream.on(event_stream(delta(f"mail {MAIL} now"), Hang())),
        "refused": upstream.on([Hang()]),
        "guard": upstream.on(json_answer({"id": "g", "object": "chat.completion", "choices": [UNSAFE]})),
    }


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {"folder": str(tmp_path_factory.mktemp("records"))}


@pytest.fixture(scope="module")
def guarded(
    upstream: Upstream, cases: dict[str, Case], records: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    slow = {"check": "slow", "parallel": True, "timeout": 0.3}
    config = {
        "server": {"port": 0, "request_log": True},
        "keys": [{"name": "everything", "key": KEY}],
        "providers": {"scripted": {"base_url": upstream.base_url, "api_key": UPSTREAM_KEY}},
        "safety": {"checks": CHECKS},
        "state": {"records": records},
        "models": {
            **{name: model("talker", **policy) for name, policy in POLICIES.items()},
            "left": model(cases["left"].name, output=[{"check": "pii"}], delay_ms=1, overlap=0),
            "cut": model(cases["cut"].name, output=[{"check": "pii"}], delay_ms=1),
            "refused": model(cases["refused"].name, input=[slow]),
            "guard": model(cases["guard"].name, input=[{"check": "llama"}]),
            "by-llama": model("talker", input=[{"check": "llama", "categories": ["violence"]}]),
        },
    }
    with GatewayProcess(config, tmp_path_factory.mktemp("guarded")) as running:
        yield running
    running.assert_no_fault(secrets=(KEY, UPSTREAM_KEY, CARD, MAIL))


@pytest.fixture
def client(guarded: GatewayProcess) -> Iterator[OpenAI]:
    with OpenAI(base_url=guarded.base_url, api_key=KEY, max_retries=0, timeout=30) as made:
        yield made


def say(client: OpenAI, model: str, text: str = TEXT, **further: Any) -> Any:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **further)


def hear(stream: Any) -> tuple[str, str | None]:
    """The text and the end of a stream."""
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    return text, next((each.choices[0].finish_reason for each in reversed(chunks) if each.choices), None)


def test_a_blocked_request_is_a_400_as_openai_and_azure_tell_it(client: OpenAI) -> None:
    with pytest.raises(BadRequestError) as refused:
        say(client, "blocks-input")
    assert (refused.value.code, refused.value.param) == ("content_filter", "messages")
    body: Any = refused.value.body
    assert body["innererror"]["content_filter_result"] == {"pii": {"filtered": True, "detected": True}}
    assert refused.value.response.headers["x-isthmus-guardrails"] == "input:pii=block(pii)"
    assert say(client, "blocks-input", "hello").choices[0].message.content == "You said: hello"


def test_a_redacted_request_reaches_the_model_without_what_was_found(client: OpenAI, upstream: Upstream) -> None:
    answer = client.chat.completions.with_raw_response.create(
        model="redacts-input", messages=[{"role": "user", "content": TEXT}]
    )
    assert answer.headers["x-isthmus-guardrails"] == "input:pii=redact(pii)"
    assert answer.parse().choices[0].message.content == f"You said: {REDACTED}"
    assert upstream.unscripted[-1].json["messages"] == [{"role": "user", "content": REDACTED}]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_redacted(client: OpenAI, stream: bool) -> None:
    answer = say(client, "redacts-output", stream=stream)
    text = hear(answer)[0] if stream else answer.choices[0].message.content
    assert text == f"You said: {REDACTED}"


def test_a_blocked_answer_ends_with_content_filter(client: OpenAI) -> None:
    choice = say(client, "blocks-output").choices[0]
    assert (choice.finish_reason, choice.message.content) == ("content_filter", None)
    text, finish = hear(say(client, "blocks-output", stream=True))
    assert finish == "content_filter"
    assert "You said: My card is ".startswith(text)


def test_usage_of_a_stream_that_was_cut_is_told(client: OpenAI) -> None:
    chunks = list(say(client, "blocks-output", stream=True, stream_options={"include_usage": True}))
    usage = chunks[-1].usage
    assert chunks[-1].choices == []
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0


def test_arguments_of_tools_are_judged_and_stay_json(client: OpenAI) -> None:
    parameters = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}
    tool: Any = {"type": "function", "function": {"name": "send", "parameters": parameters}}
    with client.chat.completions.stream(
        model="redacts-output", messages=[{"role": "user", "content": "send something"}], tools=[tool]
    ) as stream:
        (call,) = stream.get_final_completion().choices[0].message.tool_calls or []
    assert call.function.name == "send"
    assert call.function.arguments.startswith("{")
    assert call.function.arguments.endswith("}")


def test_completions_are_guarded_too(client: OpenAI) -> None:
    with pytest.raises(BadRequestError) as refused:
        client.completions.create(model="blocks-input", prompt=TEXT)
    assert refused.value.param == "prompt"
    assert client.completions.create(model="redacts-output", prompt=TEXT).choices[0].text == f"You said: {REDACTED}"
    last = list(client.completions.create(model="blocks-output", prompt=TEXT, stream=True))[-1]
    assert last.choices[0].finish_reason == "content_filter"


def test_choices_are_judged_each_by_itself(client: OpenAI) -> None:
    answer = say(client, "blocks-output", n=2)
    assert [choice.finish_reason for choice in answer.choices] == ["content_filter"] * 2
    chunks = [each.choices[0] for each in say(client, "redacts-output", n=2, stream=True) if each.choices]
    for index in (0, 1):
        assert "".join(each.delta.content or "" for each in chunks if each.index == index) == f"You said: {REDACTED}"


def test_messages_are_guarded_in_their_own_format(guarded: GatewayProcess) -> None:
    anthropic = Anthropic(base_url=guarded.url, api_key=KEY, max_retries=0)
    messages: Any = [{"role": "user", "content": TEXT}]
    said = anthropic.messages.create(model="redacts-output", max_tokens=500, messages=messages)
    assert said.content[0].text == f"You said: {REDACTED}"  # type: ignore[union-attr]
    blocked = anthropic.messages.create(model="blocks-output", max_tokens=500, messages=messages)
    assert (blocked.stop_reason, blocked.content) == ("refusal", [])
    with anthropic.messages.stream(model="blocks-output", max_tokens=500, messages=messages) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == "refusal"
    assert final.usage.output_tokens > 0
    with anthropic.messages.stream(model="redacts-output", max_tokens=500, messages=messages) as stream:
        assert stream.get_final_text() == f"You said: {REDACTED}"
    with pytest.raises(Exception, match="not let pass"):
        anthropic.messages.create(model="blocks-input", max_tokens=500, messages=messages)


def test_annotations_change_nothing_and_say_what_was_found(guarded: GatewayProcess) -> None:
    body = {"model": "annotates", "messages": [{"role": "user", "content": TEXT}]}
    answer = ask(guarded.port, body)
    assert answer.json["choices"][0]["message"]["content"] == f"You said: {TEXT}"
    assert answer.header("x-isthmus-guardrails") == "input:pii=annotate(pii), output:cards=annotate(pii)"
    stream = ask(guarded.port, body | {"stream": True})
    assert stream.header("x-isthmus-guardrails") == "input:pii=annotate(pii)"
    assert stream.body.endswith(b": x-isthmus-guardrails: output:cards=annotate(pii)\n\ndata: [DONE]\n\n")


@pytest.mark.parametrize("check", ["down", "slow", "nonsense", "raises"])
def test_a_check_that_fails_closes_or_opens_by_policy(client: OpenAI, guarded: GatewayProcess, check: str) -> None:
    with pytest.raises(APIStatusError) as refused:
        say(client, f"{check}-closed")
    assert (refused.value.status_code, refused.value.code) == (503, "guardrail_unavailable")
    answer = ask(guarded.port, chat(f"{check}-open"))
    assert answer.status == 200
    assert answer.header("x-isthmus-guardrails") == f"input:{check}=failed_open"


def test_a_model_of_the_gateway_may_judge_and_is_not_judged_itself(
    guarded: GatewayProcess, cases: dict[str, Case], records: dict[str, Any]
) -> None:
    answer = ask(guarded.port, chat("by-llama"))
    assert (answer.status, answer.error["code"]) == (400, "content_filter")
    assert answer.header("x-isthmus-guardrails") == "input:llama=block(violence)"
    assert len(cases["guard"].requests) == 1
    assert row_of(records, "guard")["cause"] == "check"


def test_what_was_done_is_counted(guarded: GatewayProcess, client: OpenAI) -> None:
    labels = {"route": "redacts-output", "direction": "output", "check": "pii", "action": "redact"}
    before = Scrape(guarded).sum("guardrail_actions_total", **labels)
    say(client, "redacts-output")
    wait_for(lambda: Scrape(guarded).sum("guardrail_actions_total", **labels) == before + 1)


# What happens behind a guarded call


def row_of(records: dict[str, Any], name: str) -> Row:
    """What the ledger says of the one attempt of a route. It looks seldom: that takes the database's lock."""
    deadline = time.monotonic() + PATIENCE
    while not (rows := [row for row in rows_of(records) if row["route"] == name and row["status"] is not None]):
        assert time.monotonic() < deadline, f"the ledger has no row of {name}"
        time.sleep(0.2)
    return rows[0]


def test_a_client_that_leaves_ends_the_upstream(guarded: GatewayProcess, cases: dict[str, Case]) -> None:
    with RawClient(guarded.port) as client:
        client.post(chat("left", stream=True))
        client.head()
        assert b"some text" in next(client.chunks())
    cases["left"].request().closed_at()


def test_a_blocked_stream_ends_the_upstream_and_is_accounted_for(
    guarded: GatewayProcess, cases: dict[str, Case], records: dict[str, Any]
) -> None:
    answer = ask(guarded.port, chat("cut", stream=True))
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert b'"finish_reason":"content_filter"' in answer.body
    assert b"alice" not in answer.body
    cases["cut"].request().closed_at()
    row = row_of(records, "cut")
    assert (row["status"], row["finish_reason"]) == (200, "content_filter")
    assert row["completion_tokens"] > 0


def test_a_refusal_meanwhile_ends_the_upstream_and_is_accounted_for(
    guarded: GatewayProcess, cases: dict[str, Case], records: dict[str, Any]
) -> None:
    assert ask(guarded.port, chat("refused")).error["code"] == "guardrail_unavailable"
    cases["refused"].request().closed_at()
    row = row_of(records, "refused")
    assert row["status"] == 499
    assert row["prompt_tokens"] > 0


def test_kept_answers_are_judged_by_the_policy_of_now(start_gateway: StartGateway, upstream: Upstream) -> None:
    cached = {"deployments": [{"provider": "scripted", "model": "talker"}], "cache": {}}
    sections: dict[str, Any] = {"safety": {"checks": {"pii": CHECKS["pii"]}}}
    gateway = start_gateway(**sections, models={"m": cached})
    body = {"model": "m", "messages": [{"role": "user", "content": f"mail {MAIL}"}]}
    assert MAIL in ask(gateway.port, body).json["choices"][0]["message"]["content"]
    guardrails = {"output": [{"check": "pii", "action": "redact"}]}
    gateway.write_config(
        {
            "server": {"port": 0},
            "providers": {"scripted": {"base_url": upstream.base_url}},
            "models": {"m": cached | {"guardrails": guardrails}},
            **sections,
        }
    )
    reload(gateway)
    for stream in (False, True):
        answer = ask(gateway.port, body | {"stream": stream})
        assert answer.header("x-isthmus-cache") == "hit"
        assert MAIL.encode() not in answer.body
        assert b"EMAIL_ADDRESS" in answer.body


def test_those_who_share_a_call_are_judged_each_by_itself(start_gateway: StartGateway, upstream: Upstream) -> None:
    gate = Gate()
    end = frame({"id": "a", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    case = upstream.on(event_stream(gate, delta(f"mail {MAIL}"), end, frame("[DONE]")))
    shared = model(case.name, output=[{"check": "pii", "action": "redact"}]) | {"cache": {}}
    gateway = start_gateway(safety={"checks": {"pii": CHECKS["pii"]}}, models={"m": shared})
    clients = [RawClient(gateway.port) for _ in range(5)]
    for client in clients:
        client.post(chat("m", stream=True))
    wait_for(lambda: Scrape(gateway).sum("single_flight_total", event="joined") == 4)
    gate.open()
    for client in clients:
        body = client.answer().body
        assert MAIL.encode() not in body
        assert b"<EMAIL_ADDRESS>" in body
        assert body.endswith(b"data: [DONE]\n\n")
        client.socket.close()
    assert len(case.requests) == 1
    assert ask(gateway.port, chat("m", stream=True)).header("x-isthmus-cache") == "hit"
