"""The Bedrock dialect against recorded traffic of Bedrock."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.inference.bedrock import ADAPTER
from adapters.inference.bedrock.carrying import carrying
from adapters.inference.bedrock.families import family_of
from adapters.inference.contract import Target
from adapters.wire.body import parse
from adapters.wire.carried import split
from config.schema import Operation
from tests.adapters.inference.bedrock import judge
from tests.adapters.inference.bedrock.asking import body, frame, target
from tests.adapters.inference.folding import fold, plain
from tests.recordings import SPLIT_SIZES, Recording, load, params

Asked = dict[str, Any]

BODY_ONLY = ("bedrock/chat-reasoning-426e8", "bedrock/chat-stream-reasoning-bc512")
"""Answers of Converse of which nothing but the body was kept."""
ELSEWHERE = [
    recording.case
    for recording in load()
    if recording.provider == "bedrock" and "/converse" not in (recording.url or "") and recording.case not in BODY_ONLY
]
"""Other surfaces: InvokeModel in each maker's own form, and the one that speaks OpenAI's."""
UNARY = params(providers=["bedrock"], operations=["chat"], skip=ELSEWHERE)
STREAMS = params(providers=["bedrock"], operations=["chat"], streamed=True, skip=ELSEWHERE)
ERRORS = params(providers=["bedrock"], operations=["error"])


def stream_of(recording: Recording) -> bytes:
    """A recorded stream; one whose framing was not kept is framed again."""
    if recording.raw is not None:
        return recording.raw
    return b"".join(frame(name, told) for event in recording.events for name, told in event.items())


def target_of(recording: Recording) -> Target:
    return target(recording.model or "anthropic.claude-sonnet-4-5-20250929-v1:0")


def told(recording: Recording) -> dict[str, Any]:
    """What a recorded answer says, as the SDK reads it."""
    if not recording.streamed:
        return judge.parsed(recording.body)
    return judge.whole(judge.events(stream_of(recording)))


def texts(message: dict[str, Any]) -> str:
    blocks = message["content"]
    pieces = [piece for block in blocks for piece in block.get("citationsContent", {}).get("content", [block])]
    return "".join(piece.get("text", "") for piece in pieces)


def check(choice: dict[str, Any], usage: Any, answer: dict[str, Any]) -> None:
    """Whether an answer in OpenAI's format says what the service said."""
    said, message = choice["message"], answer["output"]["message"]
    assert (said.get("content") or "") == texts(message)
    uses = [block["toolUse"] for block in message["content"] if "toolUse" in block]
    calls = [use for use in uses if use.get("type") != "server_tool_use"]
    assert [call["function"]["name"] for call in said.get("tool_calls") or ()] == [use["name"] for use in calls]
    for call, use in zip(said.get("tool_calls") or (), calls, strict=True):
        assert call["id"].startswith(use["toolUseId"])
        assert json.loads(call["function"]["arguments"]) == use["input"]
    thoughts = [
        block["reasoningContent"]["reasoningText"] for block in message["content"] if "reasoningContent" in block
    ]
    assert said.get("reasoning_content", "") == "".join(thought["text"] for thought in thoughts)
    signatures = [detail.get("signature") for detail in said.get("reasoning_details") or ()]
    assert signatures == [thought.get("signature") for thought in thoughts]
    cited = [block["citationsContent"]["citations"] for block in message["content"] if "citationsContent" in block]
    assert len(said.get("annotations") or ()) == sum(map(len, cited))
    assert choice["finish_reason"] == {
        "end_turn": "stop",
        "max_tokens": "length",
        "tool_use": "tool_calls",
        "guardrail_intervened": "content_filter",
    }.get(answer["stopReason"])
    counts = answer["usage"]
    assert usage.completion_tokens == counts["outputTokens"]
    assert usage.prompt_tokens + usage.completion_tokens == counts["totalTokens"]
    assert usage.cached_tokens == counts.get("cacheReadInputTokens", 0)
    assert usage.cache_write_tokens == counts.get("cacheWriteInputTokens", 0)


def opened(completion: dict[str, Any]) -> dict[str, Any]:
    """A completion with the JSON read that is inside its strings, and without nulls that the SDK's types add."""
    said = completion["choices"][0]["message"]
    for call in said.get("tool_calls", ()):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        plain_id, carried = split(call["id"])
        call["id"] = (plain_id, json.loads(carried.state) if carried else None)
    for annotation in said.get("annotations", ()):
        annotation.pop("url_citation", None)
    return completion | {"created": None}


@pytest.mark.parametrize("recording", UNARY)
def test_unary_answers_say_what_the_service_said(recording: Recording) -> None:
    answer = ADAPTER.codecs["chat"].decode(recording.body, target_of(recording), body())
    (choice,) = json.loads(answer.body)["choices"]
    check(choice, answer.usage, told(recording))


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("recording", STREAMS)
def test_streams_say_what_a_unary_answer_would(recording: Recording, size: int) -> None:
    raw = stream_of(recording)
    asked = body(stream=True, stream_options={"include_usage": True})
    decoder = ADAPTER.codecs["chat"].stream(target_of(recording), asked)
    out = b"".join(decoder.feed(raw[start : start + size]) for start in range(0, len(raw), size)) + decoder.close()
    assert decoder.error is None
    assert not decoder.owes_usage
    unary = ADAPTER.codecs["chat"].decode(json.dumps(told(recording)).encode(), target_of(recording), body())
    assert opened(fold(out)) == opened(plain(json.loads(unary.body)))
    assert decoder.usage == unary.usage


@pytest.mark.parametrize("recording", STREAMS)
def test_streams_say_what_the_service_said(recording: Recording) -> None:
    decoder = ADAPTER.codecs["chat"].stream(target_of(recording), body(stream=True))
    out = decoder.feed(stream_of(recording)) + decoder.close()
    (choice,) = fold(out)["choices"]
    check(choice, decoder.usage, told(recording))


@given(data=st.data())
def test_streams_do_not_depend_on_where_they_are_cut(data: st.DataObject) -> None:
    if STREAMS[0].values[0] is None:
        pytest.skip("no recorded traffic beside the project")
    recording: Recording = data.draw(st.sampled_from([each.values[0] for each in STREAMS]))
    raw = stream_of(recording)
    cut = data.draw(st.integers(0, len(raw)))
    again = data.draw(st.integers(cut, len(raw)))
    decoder = ADAPTER.codecs["chat"].stream(target_of(recording), body(stream=True))
    out = b"".join(map(decoder.feed, (raw[:cut], raw[cut:again], raw[again:]))) + decoder.close()
    (choice,) = fold(out)["choices"]
    check(choice, decoder.usage, told(recording))


@pytest.mark.parametrize("recording", ERRORS)
def test_errors_keep_status_and_message_and_are_known_by_their_kind(recording: Recording) -> None:
    assert recording.status is not None
    error = ADAPTER.explain(recording.status, recording.headers, recording.body)
    kind = dict(recording.headers)[b"x-amzn-errortype"].partition(b":")[0].decode()
    assert (error.status, error.message) == (recording.status, recording.answer["message"])
    assert (error.type, error.code) == {
        "ValidationException": ("invalid_request_error", "invalid_request"),
        "UnrecognizedClientException": ("authentication_error", "invalid_api_key"),
        "ServiceUnavailableException": ("server_error", "service_unavailable"),
    }[kind]
    assert error.retryable == (recording.status == 503)


@pytest.mark.parametrize("recording", params(providers=["bedrock"], operations=["embeddings"]))
def test_embeddings_are_those_of_the_answer(recording: Recording) -> None:
    answer = ADAPTER.codecs["embeddings"].decode(recording.body, target_of(recording), body())
    vectors = [each["embedding"] for each in json.loads(answer.body)["data"]]
    said = recording.answer
    assert vectors == ([said["embedding"]] if "embedding" in said else said["embeddings"]["float"])
    assert (answer.usage.prompt_tokens if answer.usage else None) == said.get("inputTextTokenCount")


@pytest.mark.parametrize("recording", params(providers=["bedrock"], operations=["rerank"]))
def test_rerank_results_are_those_of_the_answer(recording: Recording) -> None:
    asked = body(query=recording.request["query"], documents=recording.request["documents"], top_n=3)
    answer = ADAPTER.codecs["rerank"].decode(recording.body, target_of(recording), asked)
    assert json.loads(answer.body)["results"] == recording.answer["results"]


# What was sent

PROMPT = "YOU ARE A HELPFUL ASSISTANT THAT ANALYZES VIDEOS.\n"
FINAL = {
    "type": "function",
    "function": {
        "name": "final_result",
        "description": "The final response which ends this conversation",
        "parameters": {
            "properties": {"result": {"type": "number"}},
            "required": ["result"],
            "title": "Response",
            "type": "object",
        },
    },
}
NO_INPUT = {"additionalProperties": False, "properties": {}, "type": "object"}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content[0] if len(content) == 1 else list(content)}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said} | more


def calls(call_id: str, name: str, arguments: dict[str, Any], content: str | None = None) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": call_id, "type": "function", "function": function}
    return {"role": "assistant", "content": content, "tool_calls": [call]}


def result(call_id: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def function(name: str, parameters: dict[str, Any], description: str | None = None, **more: Any) -> dict[str, Any]:
    told = {"name": name, "parameters": parameters, "description": description} | more
    return {"type": "function", "function": {key: value for key, value in told.items() if value is not None}}


def schema(name: str, recording: Recording, description: str | None = None) -> dict[str, Any]:
    written = recording.request["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]
    told = {"name": name, "schema": json.loads(written), "description": description}
    return {"type": "json_schema", "json_schema": told}


def asked_of(recording: Recording) -> Asked:
    """The request in OpenAI's format that says what a recorded one said, written by hand."""
    sent = recording.request
    case = recording.case.removeprefix("bedrock/")
    nova = {
        "messages": [{"role": "system", "content": "You are a helpful chatbot."}, user("What is 1234 * 5678?")],
        "tools": [FINAL],
        "tool_choice": "required",
        "bedrock": {"toolConfig": {"tools": sent.get("toolConfig", {}).get("tools")}},  # system tools have no other way
    }
    document = {"file": {"filename": "facts.txt", "file_data": "data:text/plain;base64,UnVieQ=="}, "type": "file"}
    tool_choice = {"type": "function", "function": {"name": "catalog_lookup"}}
    found: dict[str, Any] = {
        "chat-builtin-tool-parallel-tools-nova-2-lite-v1-0-69442": lambda: (
            nova
            | {
                "messages": [
                    *nova["messages"],
                    calls(
                        carrying(
                            "tooluse_DaRsVjwcShCI_3pOsIsWqg",
                            family_of(recording.model or ""),
                            sent["messages"][1]["content"][:2],
                        ),
                        "final_result",
                        {"result": 7006652.0},
                    ),
                    result("tooluse_DaRsVjwcShCI_3pOsIsWqg", "Final result processed."),
                    user("Now multiply that by 2"),
                ]
            }
        ),
        "chat-stream-builtin-tool-parallel-tools-nova-2-lite-v1-0-5d4b4": lambda: nova,
        "chat-citations-document-claude-haiku-4-5-20251001-v1-97f8a": lambda: {
            "messages": [user(text("Who created Ruby and when? Use the document."), document)]
        },
        "chat-stream-citations-document-claude-haiku-4-5-20251001-v1-c6386": lambda: {
            "messages": [user(text("Who created Ruby? Use the document."), document)]
        },
        "chat-image-tool-result-pixtral-large-2502-v1-0-1d14f": lambda: {
            "messages": [
                user("show me the photo"),
                calls("getphoto1", "get_photo", {}),
                result("getphoto1", [text("Here it is:"), text("See file 241a70.")]),
                {"role": "assistant", "content": "."},
                user(
                    text("This is file 241a70:"),
                    {
                        "type": "image_url",
                        "image_url": {
                            "url": "data:image/jpeg;base64,"
                            + sent["messages"][4]["content"][1]["image"]["source"]["bytes"]
                        },
                    },
                    text("What fruit is in the photo? Answer with one word."),
                ),
            ],
            "tools": [function("get_photo", NO_INPUT)],
        },
        "chat-json-schema-google-gemma-3-27b-it-62242": lambda: {
            "messages": [user(sent["messages"][0]["content"][0]["text"])],
            "response_format": schema("CityInfo", recording, "Information about a city."),
        },
        "chat-json-schema-zai-glm-4-7-flash-d2125": lambda: {
            "messages": [
                {"role": "developer", "content": "You are a helpful chatbot."},
                user("Where is the Eiffel Tower?"),
            ],
            "response_format": schema("City", recording),
        },
        "chat-length-llama3-8b-instruct-v1-0-7d992": lambda: {
            "messages": [user("Hello, can you tell me about yourself?")],
            "max_tokens": 100,
            "temperature": 0.1,
        },
        "chat-reasoning-gpt-oss-120b-1-0-4478d": lambda: {
            "messages": [user("Reply with the single word: ok")],
            "reasoning_effort": "medium",
        },
        "chat-stream-guardrail-nova-lite-v1-0-03b02": lambda: {
            "messages": [
                {"role": "system", "content": sent["system"][0]["text"]},
                user(text("Tokyo is the capital of Japan 1234561666."), text("What is the capital of Japan?")),
            ],
            "temperature": 0.5,
            "top_k": 10,
            "bedrock": {"guardrailConfig": sent["guardrailConfig"]},
        },
        "chat-stream-length-jamba-1-5-mini-v1-0-ad19a": lambda: {
            "messages": [user("What is artificial intelligence?")],
            "max_completion_tokens": 100,
            "temperature": 0.1,
        },
        "chat-stream-reasoning-gpt-oss-120b-1-0-1a146": lambda: {"messages": [user("Hi")]},
        "chat-stream-text-llama3-3-70b-instruct-v1-0-072b4": lambda: {
            "messages": [
                {"role": "system", "content": "You are a helpful, creative assistant."},
                user("Say hello in one short, imaginative sentence."),
            ],
            "max_tokens": 100,
            "temperature": 0.9,
            "top_p": 0.8,
        },
        "chat-stream-text-mistral-7b-instruct-v0-2-ac8da": lambda: {
            "messages": [user("Write a haiku about technology")],
            "max_tokens": 100,
            "temperature": 0.1,
        },
        "chat-stream-tool-command-r-v1-0-a98a9": lambda: {
            "messages": [user("Generate a software engineer profile")],
            "max_tokens": 500,
            "temperature": 0.0,
            "tools": [
                function(
                    "structured_output",
                    sent["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"],
                    "Generate structured output matching the provided schema",
                )
            ],
        },
        "chat-tool-cache-read-claude-sonnet-4-5-20250929-v-6173a": lambda: {
            "messages": [
                {
                    "role": "system",
                    "content": [text(sent["system"][0]["text"], cache_control={"type": "ephemeral"})],
                },
                user("Call `catalog_lookup`, then answer with only its return value."),
            ],
            "tools": [
                function("catalog_lookup", NO_INPUT, strict=True),
                function("diagnostics", NO_INPUT, strict=True) | {"cache_control": {"type": "ephemeral"}},
            ],
            "tool_choice": tool_choice,
        },
        "chat-tool-result-reasoning-moonshot-kimi-k2-thinking-dc486": lambda: {
            "messages": [
                {"role": "system", "content": sent["system"][0]["text"]},
                user("What is the temperature in London? Use the tool."),
                calls(
                    "functions.get_temperature:0",
                    "get_temperature",
                    {"city": "London"},
                    sent["messages"][1]["content"][0]["text"],
                ),
                result("functions.get_temperature:0", "30°C"),
            ],
            "tools": [
                function(
                    "get_temperature",
                    sent["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"],
                    "Get the current temperature in a city.",
                )
            ],
            "tool_choice": "auto",
        },
        "chat-tool-result-writer-palmyra-x4-v1-0-b5b6c": lambda: {
            "messages": [
                user("show me my expenses"),
                calls("t1", "get_expenses", {}),
                result("t1", "ok"),
                {"role": "assistant", "content": "."},
                user("Thanks. Now just say the word DONE."),
            ],
            "tools": [function("get_expenses", NO_INPUT)],
        },
        "chat-video-cache-write-nova-pro-v1-0-6ffb8": lambda: {
            "messages": [
                {"role": "system", "content": PROMPT * 50},
                user(
                    text(PROMPT * 50),
                    text("Please analyze this video:", cache_control={"type": "ephemeral"}),
                    {
                        "type": "video_url",
                        "video_url": {
                            "url": "data:video/mp4;base64,"
                            + sent["messages"][0]["content"][3]["video"]["source"]["bytes"]
                        },
                    },
                ),
            ]
        },
    }
    asked: Asked = found[case]()
    return asked


def normal(sent: dict[str, Any]) -> dict[str, Any]:
    """A recorded request without what its client wrote for nothing: empty members, and results that say they are."""
    kept = {name: value for name, value in sent.items() if value not in ([], {})}
    for message in kept["messages"]:
        for block in message["content"]:
            if "toolResult" in block and "type" not in block["toolResult"]:
                block["toolResult"].pop("status", None)
    return kept


def without_wording(sent: dict[str, Any], recorded: dict[str, Any]) -> None:
    """Make alike what OpenAI's format can't say: a document as bare text with citations, and marks for guardrails."""
    for message, other in zip(sent["messages"], recorded["messages"], strict=True):
        for place, block in enumerate(other["content"]):
            if "document" in block:
                assert block["document"].pop("citations") == {"enabled": True}
                block["document"]["source"] = message["content"][place]["document"]["source"]
            if "guardContent" in block:
                other["content"][place] = {"text": block["guardContent"]["text"]["text"]}
    for asked in (sent, recorded):
        if "outputConfig" in asked:
            told = asked["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
            told["schema"] = json.loads(told["schema"])


REQUESTS = [each for each in (*UNARY, *STREAMS) if each.values[0] is None or each.values[0].request is not None]


@pytest.mark.parametrize("recording", REQUESTS)
def test_requests_are_what_recorded_clients_sent(recording: Recording) -> None:
    encoded = ADAPTER.codecs["chat"].encode(body(**asked_of(recording)), target_of(recording))
    assert encoded.dropped == ()
    name = "ConverseStream" if recording.streamed else "Converse"
    sent = judge.judged(encoded.body, recording.model or "", name)
    recorded = normal(json.loads(json.dumps(recording.request)))
    without_wording(sent, recorded)
    assert sent == recorded


@pytest.mark.parametrize("recording", REQUESTS)
def test_requests_go_where_recorded_clients_sent_theirs(recording: Recording) -> None:
    url = ADAPTER.codecs["chat"].url(target_of(recording), body(stream=recording.streamed))
    assert url.replace("%3A", ":") == (recording.url or "").replace("%3A", ":")


OTHER_REQUESTS: list[tuple[Operation, str, Asked]] = [
    ("embeddings", "embeddings-embed-v4-0-34b37", {"input": ["Ruby", "Python", "JavaScript"], "dimensions": 512}),
    (
        "embeddings",
        "embeddings-titan-embed-text-v2-0-29c37",
        {"input": "Ruby is a programmer's best friend", "dimensions": 1024, "normalize": True},
    ),
    ("rerank", "rerank-rerank-v3-5-0-e3905", {"top_n": 3}),
]


@pytest.mark.parametrize(("operation", "case", "asked"), OTHER_REQUESTS)
def test_other_requests_are_what_recorded_clients_sent(operation: Operation, case: str, asked: Asked) -> None:
    recording = next((each for each in load() if each.case == f"bedrock/{case}"), None)
    if recording is None:
        pytest.skip("no recorded traffic beside the project")
    if operation == "rerank":
        asked = asked | {name: recording.request[name] for name in ("query", "documents")}
    fields = {"model": "any", **asked}
    codec = ADAPTER.codecs[operation]
    encoded = codec.encode(parse(json.dumps(fields).encode()), target_of(recording))
    assert encoded.dropped == ()
    assert json.loads(encoded.body) == recording.request
    assert codec.url(target_of(recording), body()).replace("%3A", ":") == (recording.url or "").replace("%3A", ":")
