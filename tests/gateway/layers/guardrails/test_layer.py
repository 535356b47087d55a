"""The layer: what is judged, what becomes of it, who is told, and what happens where a check can't be made."""

import asyncio
import gc
from typing import Any

import msgspec
import pytest

from adapters.safety.contract import CheckUnavailable, Judgement, Span
from adapters.wire.errors import GatewayError, UpstreamError
from gateway.call import Call, Reply
from gateway.layers.guardrails.judging import GuardrailUnavailable
from gateway.layers.guardrails.report import ContentFiltered
from tests.gateway.layers.cache.kitchen import a_stream, an_answer, until
from tests.gateway.layers.guardrails.gate import COUNTED, Client, Gate
from tests.gateway.layers.guardrails.talk import DONE, Heard, chat_stream, message_stream

USER = {"role": "user", "content": "hi"}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


async def test_a_route_without_guardrails_is_passed_on() -> None:
    gate = Gate()
    call = gate.call()
    assert call.route is not None
    call.route.settings = msgspec.structs.replace(call.route.settings, guardrails=None)
    await gate.serve(call, Client())
    assert (len(gate.kitchen.orders), gate.check.judged) == (1, [])


async def test_a_request_is_refused_as_azure_does_it() -> None:
    gate = Gate(input=[{}])
    with pytest.raises(ContentFiltered) as refused:
        await gate.ask(messages=[user("a BOMB")])
    error = msgspec.json.decode(refused.value.body())["error"]
    assert (refused.value.status, error["code"], error["param"]) == (400, "content_filter", "messages")
    assert error["type"] == "invalid_request_error"
    assert error["innererror"]["code"] == "ResponsibleAIPolicyViolation"
    assert error["innererror"]["content_filter_result"] == {"violence": {"filtered": True, "detected": True}}
    assert (b"x-isthmus-guardrails", b"input:words=block(violence)") in refused.value.headers
    assert gate.kitchen.orders == []
    assert gate.counted("input", "words", "block") == 1


async def test_what_was_found_is_redacted_and_the_rest_is_byte_for_byte_the_same() -> None:
    gate = Gate(input=[{"action": "redact"}])
    odd = (
        b'{"role":"user","content":[{"type":"text","text":"I am PII1 and PII2","x":1.50},'
        b'{"type":"image_url","image_url":{"url":"data:x"}}],"name":"\\u0041"}'
    )
    call = gate.call(temperature=1)
    call.body.fields["messages"] = msgspec.Raw(b'[{"role":"system","content":"PII3"},' + odd + b"]")
    client = Client()
    await gate.serve(call, client)
    sent = bytes(gate.kitchen.orders[0].body.fields["messages"])
    redacted = odd.replace(b"PII1", b"<NAME>").replace(b"PII2", b"<NAME>")
    assert sent == b'[{"role":"system","content":"PII3"},' + redacted + b"]"
    assert client.headers[b"x-isthmus-guardrails"] == b"input:words=redact(pii)"


async def test_what_was_found_is_only_told_where_that_is_the_policy() -> None:
    gate = Gate(input=[{"action": "annotate"}], output=[{"action": "annotate"}])
    gate.kitchen.body = an_answer("PII2 too")
    client = await gate.ask(messages=[user("PII1 BOMB")])
    assert gate.asked["messages"] == [user("PII1 BOMB")]
    assert client.body == an_answer("PII2 too")
    told = client.headers[b"x-isthmus-guardrails"]
    assert told == b"input:words=annotate(pii violence), output:words=annotate(pii)"


async def test_only_the_chosen_categories_count() -> None:
    gate = Gate(input=[{"categories": ["violence"]}])
    await gate.ask(messages=[user("PII1")])
    with pytest.raises(ContentFiltered):
        await gate.ask(messages=[user("BOMB")])


async def test_a_threshold_goes_before_the_checks_own() -> None:
    gate = Gate(input=[{"threshold": 0.85}])
    await gate.ask(messages=[user("BOMB")])
    with pytest.raises(ContentFiltered):
        await gate.ask(messages=[user("PII1")])


async def test_later_guardrails_are_shown_what_earlier_ones_redacted() -> None:
    gate = Gate(input=[{"action": "redact"}, {"action": "block"}])
    await gate.ask(messages=[user("I am PII1")])
    assert [content.texts for content in gate.check.judged] == [("I am PII1",), ("I am <NAME>",)]


async def test_what_can_not_be_redacted_is_blocked() -> None:
    gate = Gate(input=[{"action": "redact"}])
    with pytest.raises(ContentFiltered):
        await gate.ask(messages=[user("BOMB")])


# Which texts


TURNS = [
    {"role": "system", "content": "rules"},
    user("first"),
    {
        "role": "assistant",
        "content": "answer",
        "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "1", "content": "result"},
    {"role": "developer", "content": "more rules"},
    user([{"type": "text", "text": "second"}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]),
]


@pytest.mark.parametrize(
    ("scope", "texts"),
    [
        ("last", ("result", "second")),
        ("all", ("rules", "first", "answer", "{}", "result", "more rules", "second")),
    ],
)
async def test_what_was_said_since_the_last_answer_is_judged_or_everything(scope: str, texts: tuple[str, ...]) -> None:
    gate = Gate(input=[{}], messages=scope)
    await gate.ask(messages=TURNS)
    assert gate.check.judged[0].texts == texts
    assert gate.check.judged[0].images == ("https://x/y.png",)


async def test_the_beginning_of_an_answer_does_not_hide_the_question() -> None:
    gate = Gate(input=[{}])
    await gate.ask(messages=[user("question"), {"role": "assistant", "content": "Sure"}])
    assert gate.check.judged[0].texts == ("question", "Sure")


async def test_blocks_of_a_messages_request_are_judged_and_redacted() -> None:
    gate = Gate(input=[{"action": "redact"}])
    gate.kitchen.body = msgspec.json.encode({"type": "message", "content": [], "stop_reason": "end_turn"})
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "PII1"}]}
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "of PII2"}}
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    await gate.ask("messages", messages=[user([result, document, picture, {"type": "text", "text": "and PII3"}])])
    asked = gate.asked["messages"][0]["content"]
    assert asked[0]["content"][0]["text"] == "<NAME>"
    assert asked[1]["source"]["data"] == "of <NAME>"
    assert asked[2:] == [picture, {"type": "text", "text": "and <NAME>"}]
    assert gate.check.judged[0].images == ("data:image/png;base64,AAAA",)


@pytest.mark.parametrize("prompt", ["say PII1", ["say PII1", "x"]])
async def test_prompts_of_completions_are_judged(prompt: Any) -> None:
    gate = Gate(input=[{"action": "redact"}])
    await gate.ask("completions", prompt=prompt)
    assert gate.asked["prompt"] == ("say <NAME>" if prompt == "say PII1" else ["say <NAME>", "x"])


async def test_prompts_of_tokens_are_refused_for_they_can_not_be_judged() -> None:
    gate = Gate(input=[{}])
    with pytest.raises(GatewayError) as refused:
        await gate.ask("completions", prompt=[1, 2])
    assert (refused.value.status, refused.value.param, refused.value.code) == (400, "prompt", "unsupported_content")


async def test_messages_that_can_not_be_read_are_refused() -> None:
    gate = Gate(input=[{}])
    call = gate.call()
    call.body.fields["messages"] = msgspec.Raw(b"[" * 5_000 + b"]" * 5_000)
    with pytest.raises(GatewayError) as refused:
        await gate.serve(call, Client())
    assert (refused.value.status, refused.value.param) == (400, "messages")


# Whole answers


async def test_an_answer_is_withheld_choice_by_choice() -> None:
    gate = Gate(output=[{}])
    message = {"role": "assistant", "content": "BOMB", "refusal": None}
    choices = [
        {"index": 0, "message": message | {"content": "fine"}, "logprobs": None, "finish_reason": "stop"},
        {"index": 1, "message": message, "logprobs": {"content": [{"token": "BOMB"}]}, "finish_reason": "stop"},
    ]
    gate.kitchen.body = msgspec.json.encode({"id": "c", "choices": choices, "usage": {"total_tokens": 3}})
    client = await gate.ask(n=2)
    answer = msgspec.json.decode(client.body)
    assert answer["choices"][0] == choices[0]
    assert answer["choices"][1] == {
        "index": 1,
        "message": {"role": "assistant", "content": None, "refusal": None},
        "logprobs": None,
        "finish_reason": "content_filter",
        "content_filter_results": {"violence": {"filtered": True, "detected": True}},
    }
    assert answer["usage"] == {"total_tokens": 3}
    assert client.headers[b"x-isthmus-guardrails"] == b"output:words=block(violence)"


async def test_a_message_is_withheld_as_a_refusal() -> None:
    gate = Gate(output=[{}])
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {"what": "BOMB"}}
    body = {"type": "message", "role": "assistant", "content": [block], "stop_reason": "tool_use", "usage": {"x": 1}}
    gate.kitchen.body = msgspec.json.encode(body)
    answer = msgspec.json.decode((await gate.ask("messages", messages=[USER])).body)
    assert (answer["content"], answer["stop_reason"], answer["usage"]) == ([], "refusal", {"x": 1})


async def test_texts_and_arguments_of_an_answer_are_redacted_and_its_odds_are_left_out() -> None:
    gate = Gate(output=[{"action": "redact"}])
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": "x\\nPII1", "b": 2}'}}]
    gate.kitchen.body = an_answer("I am PII2", tool_calls=calls).replace(
        b'"logprobs":null', b'"logprobs":{"content":[{"token":"PII2"}]}'
    )
    client = await gate.ask()
    assert b"PII" not in client.body
    choice = msgspec.json.decode(client.body)["choices"][0]
    assert choice["message"]["content"] == "I am <NAME>"
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"a": "x\\n<NAME>", "b": 2}'
    assert (choice["logprobs"], choice["finish_reason"]) == (None, "stop")
    assert int(client.headers[b"content-length"]) == len(client.body)


async def test_checks_know_what_an_answer_answers() -> None:
    gate = Gate(output=[{}])
    await gate.ask(messages=[user("why?")])
    content = gate.check.judged[0]
    assert (content.role, content.question, content.texts) == ("assistant", "why?", ("answer 1",))


async def test_an_answer_that_can_not_be_read_is_not_given() -> None:
    gate = Gate(output=[{}])
    gate.kitchen.body = b"BOMB"
    with pytest.raises(UpstreamError):
        await gate.ask()


# Failure


FAULTS: list[Any] = [
    CheckUnavailable("down"),
    RuntimeError("a secret"),
    [],
    ["no judgement"],
    None,
    [Judgement(True, spans=(Span(0, 0, 99, "X"),))],
    [Judgement(True, {"pii": "high"})],  # type: ignore[dict-item]
]


def broken(gate: Gate, fault: Any) -> None:
    if isinstance(fault, Exception):
        gate.check.fault = fault
    elif fault is None:
        gate.check.gate = asyncio.Event()
    else:
        gate.check.answer = fault


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("direction", ["input", "output"])
async def test_what_can_not_be_judged_is_refused_where_the_policy_is_closed(
    direction: str, fault: Any, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate(None, **{direction: [{"timeout": 0.05}]})
    broken(gate, fault)
    with pytest.raises(GuardrailUnavailable) as refused:
        await gate.ask(messages=[user("a secret")])
    assert (refused.value.status, refused.value.code, refused.value.retryable) == (503, "guardrail_unavailable", True)
    assert (b"x-isthmus-guardrails", b"%b:words=failed_closed" % direction.encode()) in refused.value.headers
    assert gate.counted(direction, "words", "failed_closed") == 1
    assert "the check words could not be made" in caplog.text
    assert "a secret" not in caplog.text


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("direction", ["input", "output"])
async def test_what_can_not_be_judged_passes_where_the_policy_is_open(direction: str, fault: Any) -> None:
    gate = Gate(None, **{direction: [{"timeout": 0.05, "on_failure": "open"}]})
    broken(gate, fault)
    client = await gate.ask()
    assert client.body == an_answer("answer 1")
    assert client.headers[b"x-isthmus-guardrails"] == b"%b:words=failed_open" % direction.encode()
    assert gate.counted(direction, "words", "failed_open") == 1


async def test_a_check_is_told_that_it_was_cut_off_and_nothing_of_its_other_faults() -> None:
    gate = Gate(input=[{"timeout": 0.05, "on_failure": "open"}])
    gate.check.fault = TimeoutError()
    await gate.ask()
    assert gate.check.late == []
    gate.check.gate = asyncio.Event()
    await gate.ask()
    assert gate.check.late == ["it took longer than 0.05 s"]


async def test_a_check_that_could_not_be_opened_has_failed() -> None:
    gate = Gate(input=[{"check": "unknown"}])
    with pytest.raises(GuardrailUnavailable):
        await gate.ask()


# While the model answers


async def test_the_model_is_asked_while_the_input_is_judged_and_its_answer_waits() -> None:
    gate = Gate(input=[{"parallel": True}])
    gate.check.gate = asyncio.Event()
    client = Client()
    asking = asyncio.ensure_future(gate.serve(gate.call(), client))
    await until(lambda: len(gate.kitchen.orders) == 1)
    await asyncio.sleep(0.01)
    assert client.pieces == []
    gate.check.gate.set()
    await asking
    assert client.body == an_answer("answer 1")


async def test_a_refusal_ends_the_model_call_which_is_accounted_for() -> None:
    gate = Gate(input=[{"parallel": True}])
    cancelled = asyncio.Event()

    async def slow(call: Call) -> Reply:
        assert call.route is not None
        attempt = call.begin(call.route.targets[0], "first", 1.0)
        gate.check.gate = None
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as left:
            attempt.fail(left, 2.0)
            cancelled.set()
            raise
        raise AssertionError

    asked = asyncio.Event()
    gate.check.gate = asked
    gate.layer._handler = slow
    with pytest.raises(ContentFiltered):
        await gate.ask(messages=[user("BOMB")])
    assert cancelled.is_set()
    (attempt,) = gate.calls[0].attempts
    assert (attempt.status, attempt.usage) == (499, COUNTED)


@pytest.mark.parametrize("outputs", [[], [{}]])
async def test_a_stream_that_was_refused_before_its_first_byte_is_ended(outputs: list[Any]) -> None:
    gate = Gate(input=[{"parallel": True}], output=outputs)
    gate.check.gate = asyncio.Event()
    client = Client()
    asking = asyncio.ensure_future(gate.serve(gate.call(stream=True, messages=[user("BOMB")]), client))
    await until(lambda: len(gate.kitchen.orders) == 1)
    gate.check.gate.set()
    with pytest.raises(ContentFiltered):
        await asking
    assert client.pieces == []
    (attempt,) = gate.calls[0].attempts
    assert attempt.ended


async def test_the_model_call_ends_with_its_client() -> None:
    gate = Gate(input=[{"parallel": True}])
    gate.check.gate = asyncio.Event()
    gate.kitchen.gate = asyncio.Event()
    asking = asyncio.ensure_future(gate.serve(gate.call(), Client()))
    await until(lambda: len(gate.kitchen.orders) == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert len(asyncio.all_tasks()) == 1


# Streams


async def test_a_clean_stream_is_given_as_it_came() -> None:
    gate = Gate(output=[{}])
    client = await gate.ask(stream=True)
    assert client.body == b"".join([*a_stream("answer 1"), DONE])
    assert gate.calls[0].usage == gate.kitchen.orders[0].usage is not None
    assert gate.kitchen.orders[0].is_whole
    assert gate.calls[0].attempts[0].ended


async def test_a_stream_is_redacted_and_says_so_in_a_comment() -> None:
    gate = Gate(output=[{"action": "redact"}])
    gate.kitchen.chunks = chat_stream(["I am P", "II", "1."])
    heard = Heard((await gate.ask(stream=True)).body)
    assert (heard.texts, heard.finish, heard.is_done) == ({0: "I am <NAME>."}, {0: "stop"}, True)
    assert heard.comments == [": x-isthmus-guardrails: output:words=redact(pii)"]


async def test_a_stream_of_many_windows_counts_once() -> None:
    gate = Gate(output=[{"action": "redact"}], window=16, overlap=4)
    gate.kitchen.chunks = chat_stream(["I am PII1 and also PII2 "] * 10)
    heard = Heard((await gate.ask(stream=True)).body)
    assert heard.texts == {0: "I am <NAME> and also <NAME> " * 10}
    assert gate.counted("output", "words", "redact") == 1


async def test_a_blocked_stream_ends_and_so_does_the_model() -> None:
    gate = Gate(output=[{}], window=16, overlap=4)
    gate.kitchen.chunks = [*chat_stream(["All is well so far. ", "A BOM", "B is made of"])[:-1], b"hang"]
    client = await gate.ask(stream=True, stream_options={"include_usage": True})
    heard = Heard(client.body)
    assert heard.texts[0] == "" or "All is well so far. ".startswith(heard.texts[0])
    assert (heard.finish, heard.is_done) == ({0: "content_filter"}, True)
    assert heard.usage["total_tokens"] > 0
    (attempt,) = gate.calls[0].attempts
    assert attempt.ended
    assert attempt.status != 499
    assert gate.calls[0].usage is not None


async def test_a_blocked_message_stream_ends_as_a_refusal() -> None:
    gate = Gate(output=[{}])
    gate.kitchen.chunks = message_stream([("text", ["a ", "BOMB"])])
    body = (await gate.ask("messages", messages=[USER], stream=True)).body
    assert b'"stop_reason":"refusal"' in body
    assert b"BOMB" not in body
    assert body.count(b"event: message_stop") == 1


async def test_text_waits_no_longer_than_its_delay_to_be_judged() -> None:
    gate = Gate(output=[{}], overlap=0, delay_ms=20)
    gate.kitchen.chunks = [*chat_stream(["some text"])[:-1], b"hang"]
    client = Client()
    asking = asyncio.ensure_future(gate.serve(gate.call(stream=True), client))
    await until(lambda: b"some text" in client.body)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert gate.calls[0].attempts[0].status == 499
    assert len(asyncio.all_tasks()) == 1


async def test_an_error_of_the_provider_comes_after_the_text_before_it() -> None:
    gate = Gate(output=[{}])
    gate.kitchen.chunks = [*chat_stream(["some text"])[:-1], b"bad"]
    client = await gate.ask(stream=True)
    heard = Heard(client.body)
    assert heard.texts == {0: "some text"}
    assert heard.error["message"] == "Told inside."
    assert gate.calls[0].error == "server_error"


async def test_a_stream_that_can_not_be_judged_breaks_with_an_error_event() -> None:
    gate = Gate(output=[{}])
    gate.check.fault = CheckUnavailable("down")
    heard = Heard((await gate.ask(stream=True)).body)
    assert heard.texts == {0: ""}
    assert heard.error["code"] == "guardrail_unavailable"
    assert gate.calls[0].error == "guardrail_unavailable"
    assert gate.calls[0].attempts[0].ended


async def test_a_stream_passes_unjudged_where_the_policy_is_open() -> None:
    gate = Gate(output=[{"on_failure": "open"}])
    gate.check.fault = CheckUnavailable("down")
    heard = Heard((await gate.ask(stream=True)).body)
    assert heard.texts == {0: "answer1"}
    assert heard.comments == [": x-isthmus-guardrails: output:words=failed_open"]


async def test_a_stream_that_was_kept_whole_is_judged_too() -> None:
    whole = b"".join([*chat_stream(["a BOMB"]), DONE])

    async def kept(call: Call) -> Reply:
        return Reply(200, [], whole)

    gate = Gate(kept, output=[{}])
    heard = Heard((await gate.ask(stream=True)).body)
    assert (heard.finish, heard.is_done) == ({0: "content_filter"}, True)


@pytest.mark.parametrize("action", ["block", "redact"])
async def test_a_guarded_stream_leaves_nothing_for_the_garbage_collector(action: str) -> None:
    gate = Gate(output=[{"action": action}], window=16, overlap=4)

    async def serve() -> None:
        gate.kitchen.chunks = chat_stream(["I am PII1 "] * 20)
        await gate.ask(stream=True)
        gate.calls.clear()
        gate.kitchen.orders.clear()

    await serve()
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            await serve()
        await asyncio.sleep(0)
        assert gc.collect() < 10  # of each stream there would be several objects
    finally:
        gc.enable()
