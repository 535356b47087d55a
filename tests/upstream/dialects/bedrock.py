"""Amazon Bedrock: Converse and InvokeModel, judged by botocore's own signer and its model of the service.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import calendar
import json
import math
import re
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cohere.v2.client import V2Client
from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.framing.event_stream import write
from tests.adapters.inference.bedrock.judge import judged, url_path
from tests.upstream.dialects.asked import KEY, THOUGHT, asked_error, halves, signature, tokens
from tests.upstream.dialects.strict import strict_call
from tests.upstream.dialogue import Said, say
from tests.upstream.model import DIMENSIONS, vector
from tests.upstream.script import Step, compact, event_stream, json_answer

if TYPE_CHECKING:
    from tests.upstream.server import Request

ACCESS_KEY_ID = "AKIASCRIPTED"
REGION = "eu-central-1"
_PATH = re.compile(r"/bedrock[\w-]*(/model/([^/]+)/([\w-]+))")
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})")
_SKEW_SECONDS = 300
_OPERATIONS = {"converse": "Converse", "converse-stream": "ConverseStream", "invoke": "InvokeModel"}
_KINDS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServerException",
}
_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_COHERES_MOST = 96
_Cohere = strict_call(V2Client.embed, "model", "priority", "request_options")


class _Titan(BaseModel):
    """The first of them: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html."""

    model_config = ConfigDict(extra="forbid")
    inputText: str  # noqa: N815 - the service's name


def answer(request: "Request") -> Iterable[Step]:
    """Answer as the service would."""
    if fault := _unsigned(request):
        return _refusal(403, fault, "InvalidSignatureException")
    located = _PATH.fullmatch(request.line.split(" ")[1])
    assert located, request.line
    path, model, verb = located[1], unquote(located[2]), located[3]
    assert path == url_path(model, _OPERATIONS[verb]), path
    if status := asked_error(model):
        return _refusal(status, f"The scripted model refuses with {status}.")
    if verb == "invoke":
        return _embed(request.json, model)
    try:
        told = judged(request.body, model, _OPERATIONS[verb])
    except AssertionError as error:
        return _refusal(400, f"Malformed input request: {error}")
    if fault := _misplaced(told) or _thoughtless(told):
        return _refusal(400, f"The model returned the following errors: {fault}")
    said = say(_asked(told))
    if verb == "converse":
        return json_answer(_whole(said, told))
    return event_stream(*_frames(said, told), content_type="application/vnd.amazon.eventstream")


def _refusal(status: int, message: str, kind: str | None = None) -> Iterable[Step]:
    headers = [("x-amzn-requestid", "scripted"), ("x-amzn-errortype", f"{kind or _KINDS[status]}:http://internal/")]
    if status == 429:
        headers.append(("retry-after", "7"))
    return json_answer({"message": message}, *headers, status=status)


def _unsigned(request: "Request") -> str | None:
    """What is wrong with the signature, which is made again from what came."""
    found = _SIGNED.fullmatch(request.header("authorization") or "")
    moment = request.header("x-amz-date")
    if found is None or moment is None:
        return "Missing Authentication Token"
    named = found[2].split(";")
    if not {"host", "x-amz-date"} <= set(named):
        return "'Host' and 'X-Amz-Date' must be signed"
    if abs(calendar.timegm(time.strptime(moment, "%Y%m%dT%H%M%SZ")) - time.time()) > _SKEW_SECONDS:
        return "Signature expired"
    url = f"http://{request.header('host')}{request.line.split(' ')[1]}"
    again: Any = AWSRequest("POST", url, data=request.body, headers={name: request.header(name) for name in named})
    again.context["timestamp"] = moment
    signer = SigV4Auth(Credentials(ACCESS_KEY_ID, KEY), "bedrock", REGION)
    text = signer.string_to_sign(again, signer.canonical_request(again))
    if (found[1], found[3]) != (signer.scope(again), signer.signature(text, again)):
        return "The request signature we calculated does not match the signature you provided."
    return None


def _misplaced(told: dict[str, Any]) -> str | None:
    """What the service checks of turns, and its model does not say."""
    calls: list[str] = []
    for index, message in enumerate(told["messages"]):
        if message["role"] != ("user", "assistant")[index % 2]:
            return "A conversation must start with a user message, and roles must alternate."
        if not message["content"] or any("text" in block and not block["text"].strip() for block in message["content"]):
            return f"The text field in the ContentBlock object at messages.{index} is blank."
        results = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        if sorted(results) != sorted(calls):
            return f"Expected toolResult blocks at messages.{index}.content for the following Ids: {calls}"
        calls = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
        if (calls or results) and "toolConfig" not in told:
            return "The toolConfig field must be defined when using toolUse and toolResult content blocks."
    return f"Expected toolResult blocks for the following Ids: {calls}" if calls else None


def _thinks(told: dict[str, Any]) -> bool:
    return _of_model(told).get("thinking", {}).get("type") in ("enabled", "adaptive")


def _of_model(told: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = told.get("additionalModelRequestFields") or {}
    return fields


def _thoughtless(told: dict[str, Any]) -> str | None:
    """Claude's rules of thinking: https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html."""
    turns = told["messages"]
    for block in (block for message in turns for block in message["content"] if "reasoningContent" in block):
        text = block["reasoningContent"]["reasoningText"]
        if text.get("signature") != signature(text["text"]):
            return "Invalid `signature` in `thinking` block"
    choice = told.get("toolConfig", {}).get("toolChoice", {})
    if "tool_choice" in _of_model(told) and choice:
        return "tool_choice: Extra inputs are not permitted"
    if not _thinks(told):
        return None
    if "any" in choice or "tool" in choice or _of_model(told).get("tool_choice", {}).get("type") in ("any", "tool"):
        return "Thinking may not be enabled when tool_choice forces tool use."
    config = told.get("inferenceConfig", {})
    if config.get("temperature", 1) != 1:
        return "`temperature` may only be set to 1 when thinking is enabled."
    budget = _of_model(told)["thinking"].get("budget_tokens")
    if budget is not None and not 1024 <= budget < config.get("maxTokens", math.inf):
        return "`max_tokens` must be greater than `thinking.budget_tokens`."
    if "toolResult" in turns[-1]["content"][0] and "reasoningContent" not in turns[-2]["content"][0]:
        return "Expected `thinking` or `redacted_thinking`, but found `tool_use`."
    return None


def _asked(told: dict[str, Any]) -> dict[str, Any]:
    """The request as the scripted model knows it."""
    config = told.get("inferenceConfig", {})
    form = told.get("outputConfig", {}).get("textFormat")
    schema = json.loads(form["structure"]["jsonSchema"]["schema"]) if form else None
    own = _of_model(told).get("tool_choice", {})
    return {
        "messages": [each for message in told["messages"] for each in _turns(message)],
        "tools": [
            _tool(each["toolSpec"]) for each in told.get("toolConfig", {}).get("tools", ()) if "toolSpec" in each
        ],
        "tool_choice": _choice(told.get("toolConfig", {}).get("toolChoice", {}), own),
        "parallel_tool_calls": not own.get("disable_parallel_tool_use", False),
        "response_format": {"type": "json_schema", "json_schema": {"schema": schema}} if schema else None,
        "max_tokens": config.get("maxTokens"),
        "stop": config.get("stopSequences"),
    }


def _tool(spec: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": spec["name"], "parameters": spec["inputSchema"]["json"]}}


def _choice(choice: dict[str, Any], own: dict[str, Any]) -> Any:
    name = choice.get("tool", own).get("name")
    if name is not None:
        return {"type": "function", "function": {"name": name}}
    if own:
        return {"auto": "auto", "any": "required", "none": "none"}[own["type"]]
    return "required" if "any" in choice else "auto"


def _turns(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    results = [block["toolResult"] for block in message["content"] if "toolResult" in block]
    for result in results:
        yield {
            "role": "tool",
            "content": [{"type": "text", "text": part.get("text", "")} for part in result["content"]],
        }
    if len(results) < len(message["content"]):
        texts = [{"type": "text", "text": block.get("text", "")} for block in message["content"]]
        yield {"role": message["role"], "content": texts}


def _blocks(said: Said, told: dict[str, Any]) -> list[dict[str, Any]]:
    thought: dict[str, Any] = {
        "reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": signature(THOUGHT)}}
    }
    calls: list[dict[str, Any]] = [
        {
            "toolUse": {
                "toolUseId": f"tooluse_{call['id']}",
                "name": call["function"]["name"],
                "input": json.loads(call["function"]["arguments"]),
            }
        }
        for call in said.calls
    ]
    return [*([thought] if _thinks(told) else []), *(calls or [{"text": said.text}])]


def _usage(said: Said, told: dict[str, Any]) -> dict[str, Any]:
    prompt, answered = len(json.dumps(told["messages"]).split()), tokens(said)
    counts = {"inputTokens": prompt, "outputTokens": answered, "totalTokens": prompt + answered}
    return {"usage": counts, "metrics": {"latencyMs": 551}}


def _whole(said: Said, told: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": _blocks(said, told)}
    return {"output": {"message": message}, "stopReason": _STOPS[said.finish]} | _usage(said, told)


def _frames(said: Said, told: dict[str, Any]) -> Iterator[bytes]:
    """Only calls announce their blocks, and padding hides how long each piece is."""
    yield _frame("messageStart", role="assistant")
    for index, block in enumerate(_blocks(said, told)):
        if call := block.get("toolUse"):
            start = {"toolUse": {"toolUseId": call["toolUseId"], "name": call["name"]}}
            yield _frame("contentBlockStart", start=start, contentBlockIndex=index)
        for delta in _deltas(said, block):
            yield _frame("contentBlockDelta", delta=delta, contentBlockIndex=index)
        yield _frame("contentBlockStop", contentBlockIndex=index)
    yield _frame("messageStop", stopReason=_STOPS[said.finish])
    yield _frame("metadata", **_usage(said, told))


def _deltas(said: Said, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    match block:
        case {"text": _}:
            yield from ({"text": word} for word in said.words)
        case {"toolUse": {"input": given}}:
            yield from ({"toolUse": {"input": half}} for half in halves(json.dumps(given, ensure_ascii=False)))
        case {"reasoningContent": {"reasoningText": {"text": text, "signature": sealed}}}:
            yield from ({"reasoningContent": {"text": half}} for half in halves(text))
            yield {"reasoningContent": {"signature": sealed}}


def _frame(kind: str, **payload: Any) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return write(headers, compact(payload | {"p": "abcdefghijklmnop"}))


def _embed(told: dict[str, Any], model: str) -> Iterable[Step]:
    try:
        if model.startswith("amazon.titan-embed-text-v1"):
            text = _Titan.model_validate(told).inputText
            return json_answer({"embedding": vector(text, DIMENSIONS), "inputTextTokenCount": len(text.split())})
        assert model.startswith("cohere.embed"), model
        _Cohere.model_validate(told)
    except ValidationError as error:
        return _refusal(400, f"Malformed input request: {error}")
    if len(told["texts"]) > _COHERES_MOST:
        return _refusal(400, "Malformed input request: #/texts: expected maximum item count: 96")
    vectors = [vector(text, told.get("output_dimension") or DIMENSIONS) for text in told["texts"]]
    told_back = {"id": "scripted", "texts": told["texts"], "response_type": "embeddings_floats"}
    count = str(sum(len(text.split()) for text in told["texts"]))
    return json_answer(told_back | {"embeddings": vectors}, ("x-amzn-bedrock-input-token-count", count))
