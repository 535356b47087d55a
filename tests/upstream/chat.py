"""The scripted model's answers on the wire: unary and streamed, chat and completions."""

from collections.abc import Iterable, Iterator
from typing import Any

from tests.upstream.dialogue import Said, say, text_of
from tests.upstream.script import Step, event_stream, frame, json_answer

_CREATED = 1_750_000_000
Headers = Iterable[tuple[str, str]]


def chat(asked: dict[str, Any], headers: Headers) -> Iterable[Step]:
    """Answer a chat request."""
    said = say(asked)
    envelope = {"id": "chatcmpl-scripted", "created": _CREATED, "model": asked["model"], "system_fingerprint": "fp_1"}
    count = asked.get("n") or 1
    usage = _usage(" ".join(text_of(message) for message in asked["messages"]), said, count)
    if asked.get("stream"):
        deltas = [chunk for index in range(count) for chunk in _deltas(said, index, bool(asked.get("logprobs")))]
        envelope["object"] = "chat.completion.chunk"
        return _stream(envelope, deltas, usage, asked, headers)
    message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": None}
    if said.calls:
        message["tool_calls"] = said.calls
    choices = [
        {
            "index": index,
            "message": message,
            "logprobs": _logprobs(said.words) if asked.get("logprobs") else None,
            "finish_reason": said.finish,
        }
        for index in range(count)
    ]
    return json_answer({**envelope, "object": "chat.completion", "choices": choices, "usage": usage}, *headers)


def completion(asked: dict[str, Any], headers: Headers) -> Iterable[Step]:
    """Answer a completions request: the prompt again."""
    prompts = asked["prompt"] if isinstance(asked["prompt"], list) else [asked["prompt"]]
    said = say({**asked, "messages": [{"role": "user", "content": str(prompts[0])}]})
    envelope = {"id": "cmpl-scripted", "object": "text_completion", "created": _CREATED, "model": asked["model"]}
    usage = _usage(" ".join(map(str, prompts)), said, 1)
    if asked.get("stream"):
        chunks = [{"index": 0, "text": word, "logprobs": None, "finish_reason": None} for word in said.words]
        chunks.append({"index": 0, "text": "", "logprobs": None, "finish_reason": said.finish})
        return _stream(envelope, chunks, usage, asked, headers)
    choices = [
        {"index": index, "text": said.text, "logprobs": None, "finish_reason": said.finish}
        for index, _ in enumerate(prompts)
    ]
    return json_answer({**envelope, "choices": choices, "usage": usage}, *headers)


def _stream(
    envelope: dict[str, Any],
    choices: list[dict[str, Any]],
    usage: dict[str, Any],
    asked: dict[str, Any],
    headers: Headers,
) -> Iterable[Step]:
    wants_usage = (asked.get("stream_options") or {}).get("include_usage")
    extra = {"usage": None} if wants_usage else {}
    frames = [frame({**envelope, "choices": [choice], **extra}) for choice in choices]
    if wants_usage:
        frames.append(frame({**envelope, "choices": [], "usage": usage}))
    return event_stream(*frames, frame("[DONE]"), headers=headers)


def _deltas(said: Said, index: int, logprobs: bool) -> Iterator[dict[str, Any]]:
    """The chunks of one choice: the role, the pieces, the end."""

    def chunk(delta: dict[str, Any], finish: str | None = None, words: tuple[str, ...] = ()) -> dict[str, Any]:
        odds = _logprobs(words) if logprobs and words else None
        return {"index": index, "delta": delta, "logprobs": odds, "finish_reason": finish}

    yield chunk({"role": "assistant", "content": None if said.calls else ""})
    for word in said.words:
        yield chunk({"content": word}, words=(word,))
    for number, call in enumerate(said.calls):
        function = call["function"]
        first = {"name": function["name"], "arguments": ""}
        yield chunk({"tool_calls": [{"index": number, "id": call["id"], "type": "function", "function": first}]})
        half = len(function["arguments"]) // 2
        for piece in (function["arguments"][:half], function["arguments"][half:]):
            yield chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
    yield chunk({}, said.finish)


def _usage(prompt: str, said: Said, count: int) -> dict[str, Any]:
    prompt_tokens = max(1, len(prompt.split()))
    completion_tokens = count * max(1, len(said.words))
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _logprobs(words: Iterable[str]) -> dict[str, Any]:
    def odds(word: str) -> dict[str, Any]:
        return {"token": word, "logprob": -0.25, "bytes": list(word.encode())}

    return {"content": [{**odds(word), "top_logprobs": [odds(word)]} for word in words], "refusal": None}
