"""IBM watsonx.ai and the IAM that gives its tokens; judged by the types of its documentation and IBM's own packages.

https://cloud.ibm.com/apidocs/watsonx-ai#text-chat and https://cloud.ibm.com/apidocs/iam-identity-token-api
"""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec

from tests.adapters.inference.watsonx.service import judged
from tests.upstream.dialects.asked import KEY, THOUGHT, asked_error, halves, tokens
from tests.upstream.dialogue import Said, say
from tests.upstream.model import DIMENSIONS, vector
from tests.upstream.script import Step, compact, event_stream, json_answer

if TYPE_CHECKING:
    from tests.upstream.server import Request

_TOKEN = "scripted-access-token-0123456789"
_GRANT = {"grant_type": ["urn:ibm:params:oauth:grant-type:apikey"], "apikey": [KEY]}
_VERSION = "?version=2026-10-14"
_MOST_INPUTS = 1_000
_CODES = {
    401: "authentication_token_not_valid",
    404: "model_not_supported",
    429: "rate_limit_reached_requests",
    500: "internal_error",
}


def answer(request: "Request") -> Iterable[Step]:
    """Answer as the services would."""
    path = request.line.split(" ")[1].removeprefix("/watsonx")
    if path == "/identity/token":
        return _sign_in(request)
    if request.header("authorization") != f"Bearer {_TOKEN}":
        return _refusal(401, "Failed to authenticate the request due to an invalid token.")
    told = request.json
    if status := asked_error(str(told.get("model_id"))):
        return _refusal(status, f"The scripted model refuses with {status}.")
    operation = path.removeprefix("/ml/v1/text/").removesuffix(_VERSION)
    try:
        judged(request.body, "chat" if operation.startswith("chat") else operation)
    except (msgspec.ValidationError, ValueError) as error:
        return _refusal(400, f"Json document validation error: {error}")
    if operation == "embeddings":
        return _embed(told)
    if fault := _mismatched(told["messages"]):
        return _refusal(400, fault)
    said = say(told | {"tool_choice": told.get("tool_choice") or told.get("tool_choice_option")})
    if operation == "chat":
        choice = {"index": 0, "message": _message(said, told), "finish_reason": said.finish}
        return json_answer(_envelope(told, [choice]) | {"usage": _usage(said, told)})
    assert operation == "chat_stream", operation
    return event_stream(*_frames(_events(said, told)))


def _sign_in(request: "Request") -> Iterable[Step]:
    """The exchange of an API key for a token."""
    if parse_qs(request.body.decode()) != _GRANT:
        fault = {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."}
        return json_answer(fault, status=400)
    granted = {"access_token": _TOKEN, "refresh_token": "not_supported", "token_type": "Bearer", "expires_in": 3600}
    return json_answer(granted | {"expiration": 4_102_444_800, "scope": "ibm openid"})


def _refusal(status: int, message: str) -> Iterable[Step]:
    code = _CODES.get(status, "invalid_request_entity")
    more = "https://cloud.ibm.com/apidocs/watsonx-ai#text-chat"
    fault = {"errors": [{"code": code, "message": message, "more_info": more}], "trace": "1", "status_code": status}
    waits = (("retry-after", "7"),) if status == 429 else ()
    return json_answer(fault, *waits, status=status)


def _mismatched(messages: list[dict[str, Any]]) -> str | None:
    """Every call has its result before anybody says more."""
    open_calls: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return f"tool_call_id {message['tool_call_id']} has no call"
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return f"tool calls {open_calls} have no results"
        open_calls += [call["id"] for call in message.get("tool_calls") or ()]
    return f"tool calls {open_calls} have no results" if open_calls else None


def _message(said: Said, told: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant"}
    if "reasoning_effort" in told:
        message["reasoning_content"] = THOUGHT
    return message | ({"tool_calls": said.calls} if said.calls else {"content": said.text})


def _usage(said: Said, told: dict[str, Any]) -> dict[str, int]:
    prompt, answered = len(json.dumps(told["messages"]).split()), tokens(said)
    return {"completion_tokens": answered, "prompt_tokens": prompt, "total_tokens": prompt + answered}


def _envelope(told: dict[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
    model = {"id": "chatcmpl-scripted", "model_id": told["model_id"], "model": told["model_id"], "choices": choices}
    return model | {"created": 1749736055, "model_version": "4.0.0", "created_at": "2025-06-12T13:47:35.541Z"}


def _events(said: Said, told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    def piece(finish: str | None = None, **delta: Any) -> dict[str, Any]:
        return _envelope(told, [{"index": 0, "finish_reason": finish, "delta": delta}])

    yield piece(role="assistant", content="")
    for half in halves(THOUGHT) if "reasoning_effort" in told else ():
        yield piece(reasoning_content=half)
    for word in said.words:
        yield piece(content=word)
    for index, call in enumerate(said.calls):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        begun = {"index": index, "id": call["id"], "type": "function", "function": {"name": name, "arguments": ""}}
        yield piece(tool_calls=[begun])
        for half in halves(arguments):
            named = {"index": index, "id": "", "type": "function", "function": {"name": "", "arguments": half}}
            yield piece(tool_calls=[named])
    yield piece(said.finish, content="")
    yield _envelope(told, []) | {"usage": _usage(said, told)}


def _frames(events: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    for number, each in enumerate(events, 1):
        yield f"id: {number}\nevent: message\n".encode() + b"data: " + compact(each) + b"\n\n"


def _embed(told: dict[str, Any]) -> Iterable[Step]:
    if len(told["inputs"]) > _MOST_INPUTS:
        return _refusal(400, "too many inputs")
    results = [{"embedding": vector(text, DIMENSIONS)} for text in told["inputs"]]
    count = sum(len(text.split()) for text in told["inputs"])
    created = {"model_id": told["model_id"], "created_at": "2025-06-12T13:47:35.541Z"}
    return json_answer(created | {"results": results, "input_token_count": count})
