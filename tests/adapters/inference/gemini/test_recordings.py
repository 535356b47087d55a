"""Recorded answers of Gemini, on its own service and on Vertex AI, whole and streamed."""

import json
from typing import Any

import pytest

from adapters.inference import gemini, vertex
from adapters.inference.contract import Adapter, Codec
from adapters.wire.usage import Usage
from tests.adapters.inference.gemini.exchanges import (
    aim,
    answered,
    asking,
    chunks,
    cut,
    events,
    folded,
    gathered,
    recorded,
    stream_of,
)
from tests.recordings import SPLIT_SIZES, Recording

ADAPTERS: dict[str, Adapter] = {"gemini": gemini.ADAPTER, "vertex": vertex.ADAPTER}
BLOCKED = {"gemini/chat-no-text-gemini-1-5-flash-4493f", "vertex/chat-no-text-gemini-2-5-flash-0aee4"} | {
    "vertex/chat-prompt-blocked-gemini-2-5-flash-bd93d"
}
UNARY, STREAMS = recorded("chat"), recorded("chat", streamed=True)


def chat_of(recording: Recording) -> Codec:
    return ADAPTERS[recording.provider].codecs["chat"]


def decoded(recording: Recording) -> dict[str, Any]:
    raw = json.dumps(answered(recording)).encode()
    told: dict[str, Any] = json.loads(chat_of(recording).decode(raw, aim(recording), asking()).body)
    return told


def streamed(recording: Recording, size: int = 1 << 30) -> bytes:
    body = asking(stream=True, stream_options={"include_usage": True})
    decoder = chat_of(recording).stream(aim(recording), body)
    written = b"".join(map(decoder.feed, cut(stream_of(recording), size))) + decoder.close()
    assert decoder.error is None
    return written


def parts_of(recording: Recording) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = answered(recording)["candidates"][0].get("content", {}).get("parts", [])
    return parts


def spoken(recording: Recording) -> bool:
    return recording.case not in BLOCKED


def usage_told(metadata: dict[str, Any]) -> tuple[int, int, int, int]:
    """Prompt, completion, cached and reasoning tokens."""
    thoughts = metadata.get("thoughtsTokenCount", 0)
    prompt = metadata.get("promptTokenCount", 0) + metadata.get("toolUsePromptTokenCount", 0)
    completion = metadata.get("candidatesTokenCount", 0) + thoughts
    return prompt, completion, metadata.get("cachedContentTokenCount", 0), thoughts


def usage_shown(usage: dict[str, Any]) -> tuple[int, int, int, int]:
    return (
        usage["prompt_tokens"],
        usage["completion_tokens"],
        usage["prompt_tokens_details"]["cached_tokens"],
        usage["completion_tokens_details"]["reasoning_tokens"],
    )


@pytest.mark.parametrize("recording", recorded("chat", only=spoken))
def test_an_answers_text_and_thoughts_arrive(recording: Recording) -> None:
    message = decoded(recording)["choices"][0]["message"]
    texts = [part for part in parts_of(recording) if "text" in part]
    assert (message["content"] or "") == "".join(part["text"] for part in texts if not part.get("thought"))
    assert message.get("reasoning_content", "") == "".join(part["text"] for part in texts if part.get("thought"))


@pytest.mark.parametrize("recording", recorded("chat", only=spoken))
def test_an_answers_calls_and_pictures_arrive(recording: Recording) -> None:
    message = decoded(recording)["choices"][0]["message"]
    calls = [
        (call["function"]["name"], json.loads(call["function"]["arguments"])) for call in message.get("tool_calls", ())
    ]
    told = [part["functionCall"] for part in parts_of(recording) if "functionCall" in part]
    assert calls == [(call["name"], call.get("args", {})) for call in told]
    pictures = [part["inlineData"] for part in parts_of(recording) if "inlineData" in part]
    urls = [f"data:{each['mimeType']};base64,{each['data']}" for each in pictures]
    assert [image["image_url"]["url"] for image in message.get("images", ())] == urls


@pytest.mark.parametrize("recording", recorded("chat", only=spoken))
def test_an_answers_signatures_can_go_back(recording: Recording) -> None:
    message = decoded(recording)["choices"][0]["message"]
    signatures = [part["thoughtSignature"] for part in parts_of(recording) if "thoughtSignature" in part]
    assert [detail["data"] for detail in message.get("reasoning_details", ())] == signatures


@pytest.mark.parametrize("recording", UNARY)
def test_an_answers_usage_is_told_in_openais_sense(recording: Recording) -> None:
    answer, metadata = decoded(recording), answered(recording)["usageMetadata"]
    if "promptTokenCount" not in metadata:
        assert answer["usage"] is None
        return
    assert usage_shown(answer["usage"]) == usage_told(metadata)
    assert answer["usage"]["total_tokens"] == metadata["totalTokenCount"]


@pytest.mark.parametrize("recording", UNARY)
def test_an_answer_names_itself_its_model_and_its_tier(recording: Recording) -> None:
    answer, sent = decoded(recording), answered(recording)
    assert (answer["id"], answer["model"]) == (sent["responseId"], sent["modelVersion"])
    tier = {"standard": "default", None: None}[sent["usageMetadata"].get("serviceTier")]
    assert answer.get("service_tier") == tier


@pytest.mark.parametrize("recording", UNARY)
def test_an_answer_ends_for_a_reason_that_openai_knows(recording: Recording) -> None:
    (choice,) = decoded(recording)["choices"]
    reasons = {"STOP": "stop", "MAX_TOKENS": "length", "UNEXPECTED_TOOL_CALL": "tool_calls"}
    sent = answered(recording).get("candidates", [{}])[0].get("finishReason")
    expected = "content_filter" if recording.case in BLOCKED else reasons[sent]
    if any("functionCall" in part for part in (parts_of(recording) if "candidates" in answered(recording) else ())):
        expected = "tool_calls"
    assert choice["finish_reason"] == expected


@pytest.mark.parametrize("recording", recorded("chat", only=lambda recording: recording.case in BLOCKED))
def test_a_blocked_answer_says_nothing_but_why(recording: Recording) -> None:
    message = decoded(recording)["choices"][0]["message"]
    sent = answered(recording)
    reason = sent["candidates"][0].get("finishMessage") if "candidates" in sent else None
    assert message["content"] == ""
    assert message["refusal"] == (reason or sent.get("promptFeedback", {}).get("blockReasonMessage"))


@pytest.mark.parametrize("recording", recorded("chat", only=lambda recording: "citations" in recording.case))
def test_sources_become_citations_of_characters(recording: Recording) -> None:
    message = decoded(recording)["choices"][0]["message"]
    grounding = answered(recording)["candidates"][0]["groundingMetadata"]
    pages = [chunk["web"] for chunk in grounding["groundingChunks"]]
    expected = [
        (support["segment"]["text"], pages[place]["uri"], pages[place]["title"])
        for support in grounding["groundingSupports"]
        for place in support["groundingChunkIndices"]
    ]
    cited = [annotation["url_citation"] for annotation in message["annotations"]]
    text = message["content"]
    assert [(text[each["start_index"] : each["end_index"]], each["url"], each["title"]) for each in cited] == expected


@pytest.mark.parametrize("recording", recorded("chat", only=lambda recording: "logprobs" in recording.case))
def test_logprobs_arrive(recording: Recording) -> None:
    logprobs = decoded(recording)["choices"][0]["logprobs"]
    result = answered(recording)["candidates"][0]["logprobsResult"]
    (token,) = logprobs["content"]
    assert (token["token"], token["logprob"]) == ("Hello", result["chosenCandidates"][0]["logProbability"])
    assert [top["token"] for top in token["top_logprobs"]] == ["Hello", '"']


@pytest.mark.parametrize("recording", recorded("chat", only=lambda recording: "audio-in" in recording.case))
def test_tokens_of_sound_are_counted_apart(recording: Recording) -> None:
    details = decoded(recording)["usage"]["prompt_tokens_details"]
    sent = answered(recording)["usageMetadata"]["promptTokensDetails"]
    assert [details["audio_tokens"]] == [each["tokenCount"] for each in sent if each["modality"] == "AUDIO"]


@pytest.mark.parametrize("size", SPLIT_SIZES)
@pytest.mark.parametrize("recording", STREAMS)
def test_a_stream_says_what_the_whole_answer_says(recording: Recording, size: int) -> None:
    written = streamed(recording, size)
    answer = json.dumps(folded(events(recording))).encode()
    whole = json.loads(chat_of(recording).decode(answer, aim(recording), asking()).body)
    message = {name: value for name, value in whole["choices"][0]["message"].items() if value not in (None, "")}
    choice = gathered(written)
    said = {name: value for name, value in choice["message"].items() if value not in (None, "")}
    assert said == message
    assert choice["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert {(chunk["id"], chunk["model"]) for chunk in chunks(written)} == {(whole["id"], whole["model"])}
    assert chunks(written)[-1]["usage"] == whole["usage"]


@pytest.mark.parametrize("recording", STREAMS)
def test_a_streams_usage_is_that_of_its_last_event(recording: Recording) -> None:
    decoder = chat_of(recording).stream(aim(recording), asking(stream=True))
    decoder.feed(stream_of(recording))
    usage = decoder.usage
    assert usage is not None
    counts = (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.reasoning_tokens)
    assert counts == usage_told(events(recording)[-1]["usageMetadata"])


@pytest.mark.parametrize("recording", recorded("error"))
def test_errors_keep_status_and_message(recording: Recording) -> None:
    sent = recording.answer["error"]
    status = recording.status or sent["code"]
    error = ADAPTERS[recording.provider].explain(status, recording.headers, recording.body)
    bad_key = "API key" in sent["message"]
    codes = {404: "model_not_found", 429: "rate_limit_exceeded", 400: "invalid_argument"}
    assert error.message == sent["message"]
    assert (error.status, error.code) == ((401, "invalid_api_key") if bad_key else (status, codes[status]))
    assert error.retryable == (status == 429)


@pytest.mark.parametrize("recording", recorded("error", only=lambda recording: "exhausted" in recording.case))
def test_an_exhausted_quota_tells_how_long_to_wait(recording: Recording) -> None:
    error = ADAPTERS[recording.provider].explain(429, recording.headers, recording.body)
    delays = [each["retryDelay"] for each in recording.answer["error"]["details"] if "retryDelay" in each]
    assert [f"{error.retry_after:g}s"] == delays


@pytest.mark.parametrize("recording", recorded("embeddings"))
def test_vectors_arrive_in_their_order(recording: Recording) -> None:
    codec = ADAPTERS[recording.provider].codecs["embeddings"]
    model = "gemini-embedding-2" if "embedding-2" in recording.case else "text-embedding-005"
    answer = codec.decode(recording.body, aim(recording, model), asking())
    sent = recording.answer
    expected = [each["embeddings"]["values"] for each in sent.get("predictions", ())]
    expected += [
        each["values"] for each in [*sent.get("embeddings", ()), *([sent["embedding"]] if "embedding" in sent else ())]
    ]
    assert [each["embedding"] for each in json.loads(answer.body)["data"]] == expected


@pytest.mark.parametrize("recording", recorded("embeddings"))
def test_tokens_of_embeddings_are_those_that_the_service_tells(recording: Recording) -> None:
    codec = ADAPTERS[recording.provider].codecs["embeddings"]
    model = "gemini-embedding-2" if "embedding-2" in recording.case else "text-embedding-005"
    answer = codec.decode(recording.body, aim(recording, model), asking())
    sent = recording.answer
    counts = [each["embeddings"]["statistics"]["token_count"] for each in sent.get("predictions", ())]
    counts += [sent["usageMetadata"]["promptTokenCount"]] if "usageMetadata" in sent else []
    assert answer.usage == (Usage(sum(counts)) if counts else None)
