"""Cohere's API of version 2, judged by the types of its SDK.

https://docs.cohere.com/reference/chat
"""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from cohere.v2.client import V2Client
from pydantic import ValidationError

from tests.upstream.dialects.asked import KEY, THOUGHT, asked_error, halves, tokens
from tests.upstream.dialects.strict import strict_call
from tests.upstream.dialogue import Said, say
from tests.upstream.model import DIMENSIONS, ranked, vector
from tests.upstream.script import Step, compact, event_stream, frame, json_answer

if TYPE_CHECKING:
    from tests.upstream.server import Request

_Chat = strict_call(V2Client.chat, "request_options")
_Embed = strict_call(V2Client.embed, "request_options")
_Rerank = strict_call(V2Client.rerank, "request_options")
_MOST_INPUTS = 96
_STOPS = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL"}
_BOUNDS = {"p": (0.01, 0.99), "k": (0, 500), "frequency_penalty": (0, 1), "presence_penalty": (0, 1)}
_MOST_STOPS = 5
_PLAN = ("I will", " use the", " tools.")
"""What the model says before it calls several tools."""


def answer(request: "Request") -> Iterable[Step]:
    """Answer as the service would."""
    if request.header("authorization") != f"Bearer {KEY}":
        return _refusal(401, "no api key supplied")
    told = request.json
    if status := asked_error(str(told.get("model"))):
        return _refusal(status, f"The scripted model refuses with {status}.")
    path = request.line.split(" ")[1]
    stream = told.pop("stream", False)
    try:
        if path == "/cohere/v2/embed":
            _Embed.model_validate(told)
            return _embed(told)
        if path == "/cohere/v2/rerank":
            _Rerank.model_validate(told)
            return _rerank(told)
        assert path == "/cohere/v2/chat", path
        _Chat.model_validate(told)
    except ValidationError as error:
        return _refusal(400, str(error))
    if fault := _mismatched(told["messages"]) or _misconfigured(told):
        return _refusal(400, f"invalid request: {fault}")
    said = say(_asked(told))
    if stream:
        return event_stream(*_events(said, told), frame("[DONE]"))
    return json_answer(
        {"id": "scripted", "message": _message(said, told), "finish_reason": _STOPS[said.finish], **_usage(said, told)}
    )


def _rerank(told: dict[str, Any]) -> Iterable[Step]:
    results = [
        {"index": result["index"], "relevance_score": result["relevance_score"]}
        for result in ranked(told["query"], told["documents"])[: told.get("top_n")]
    ]
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    return json_answer({"id": "scripted", "results": results, "meta": meta})


def _refusal(status: int, message: str) -> Iterable[Step]:
    waits = (("retry-after", "7"),) if status == 429 else ()
    return json_answer({"id": "2d4609a6-d1f9-4cf4-8d09-af865409bdc2", "message": message}, *waits, status=status)


def _mismatched(messages: list[dict[str, Any]]) -> str | None:
    """Every call has its result before anybody says more, and nobody says nothing."""
    open_calls: list[str] = []
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return f"messages[{index}]: tool call id {message['tool_call_id']} not found in previous tool calls"
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return f"messages[{index}]: missing tool results for tool calls with ids {open_calls}"
        calls = message.get("tool_calls") or []
        open_calls += [call["id"] for call in calls]
        if not calls and not message.get("content"):
            return f"messages[{index}]: all elements in history must have a message"
        for call in calls:
            json.loads(call["function"]["arguments"])
    return f"missing tool results for tool calls with ids {open_calls}" if open_calls else None


def _misconfigured(told: dict[str, Any]) -> str | None:
    form = told.get("response_format") or {}
    if form.get("type") == "json_object" and told.get("tools"):
        return "cannot specify response_format with tools"
    if "tool_choice" in told and not told.get("tools"):
        return "tool_choice needs tools"
    if form.get("json_schema", {}).get("type", "object") != "object":
        return "the type in the top level schema must be object"
    for name, (least, most) in _BOUNDS.items():
        if name in told and not least <= told[name] <= most:
            return f"{name} must be between {least} and {most}"
    if len(told.get("stop_sequences") or ()) > _MOST_STOPS:
        return "too many stop sequences"
    return None


def _asked(told: dict[str, Any]) -> dict[str, Any]:
    """The request as the scripted model knows it."""
    form = told.get("response_format") or {}
    schema = {"type": "json_schema", "json_schema": {"schema": form.get("json_schema")}}
    return {
        "messages": told["messages"],
        "tools": told.get("tools"),
        "tool_choice": told.get("tool_choice", "AUTO").lower(),
        "response_format": schema if form.get("json_schema") else form or None,
        "max_tokens": told.get("max_tokens"),
        "stop": told.get("stop_sequences"),
    }


def _thinks(told: dict[str, Any]) -> bool:
    return (told.get("thinking") or {}).get("type") == "enabled"


def _message(said: Said, told: dict[str, Any]) -> dict[str, Any]:
    content = [{"type": "thinking", "thinking": THOUGHT}] if _thinks(told) else []
    if said.calls:
        calls = [{"id": call["id"], "type": "function", "function": call["function"]} for call in said.calls]
        plan = {"tool_plan": "".join(_PLAN)} if len(calls) > 1 else {}
        return {"role": "assistant", "tool_calls": calls} | plan | ({"content": content} if content else {})
    return {"role": "assistant", "content": [*content, {"type": "text", "text": said.text}]}


def _usage(said: Said, told: dict[str, Any]) -> dict[str, Any]:
    counts = {"input_tokens": len(json.dumps(told["messages"]).split()), "output_tokens": tokens(said)}
    return {"usage": {"billed_units": counts, "tokens": counts, "cached_tokens": 0}}


def _events(said: Said, told: dict[str, Any]) -> Iterator[bytes]:
    def event(kind: str, index: int | None = None, id: str | None = None, **delta: Any) -> bytes:
        members = {"id": id, "type": kind, "index": index, "delta": delta or None}
        told = {name: value for name, value in members.items() if value is not None}
        return f"event: {kind}\n".encode() + b"data: " + compact(told) + b"\n\n"

    whole = _message(said, told)
    empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield event("message-start", id="scripted", message=empty)
    for index, block in enumerate(whole.get("content", ())):
        kind = block["type"]
        yield event("content-start", index, message={"content": {"type": kind, kind: ""}})
        for piece in halves(THOUGHT) if kind == "thinking" else said.words:
            yield event("content-delta", index, message={"content": {kind: piece}})
        yield event("content-end", index)
    for word in _PLAN if "tool_plan" in whole else ():
        yield event("tool-plan-delta", message={"tool_plan": word})
    for index, call in enumerate(whole.get("tool_calls", ())):
        function = {"name": call["function"]["name"], "arguments": ""}
        yield event("tool-call-start", index, message={"tool_calls": call | {"function": function}})
        for piece in halves(call["function"]["arguments"]):
            yield event("tool-call-delta", index, message={"tool_calls": {"function": {"arguments": piece}}})
        yield event("tool-call-end", index)
    yield event("message-end", finish_reason=_STOPS[said.finish], **_usage(said, told))


def _embed(told: dict[str, Any]) -> Iterable[Step]:
    texts = told["texts"]
    if len(texts) > _MOST_INPUTS:
        return _refusal(400, f"invalid request: total number of texts must be at most 96, received {len(texts)}")
    vectors = [vector(text, told.get("output_dimension") or DIMENSIONS) for text in texts]
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": sum(len(each.split()) for each in texts)}}
    embeddings = {"id": "scripted", "texts": texts, "embeddings": {"float": vectors}}
    return json_answer(embeddings | {"meta": meta, "response_type": "embeddings_by_type"})
