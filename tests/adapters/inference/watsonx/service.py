"""watsonx.ai as IBM documents it, strict; its streams made whole; and what its streams look like.

Members from https://cloud.ibm.com/apidocs/watsonx-ai#text-chat and IBM's own packages: `TextChatParameters` of
ibm-watsonx-ai 1.8.1, `TextChatMessages` and `TextChatParameters` of @ibm-cloud/watsonx-ai.
"""

import json
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from adapters.inference.contract import Target
from adapters.inference.watsonx.options import WatsonxOptions
from config.schema import Provider

SECRET = "ibm-api-key-0123456789"
REGION = "https://us-south.ml.cloud.ibm.com"
PROJECT = WatsonxOptions(project_id="the-project", version="2025-02-11")


def target(model: str = "ibm/granite", options: WatsonxOptions = PROJECT, **settings: Any) -> Target:
    """A model, or a deployment, of watsonx.ai."""
    provider = Provider(**{"dialect": "watsonx", "base_url": REGION, "api_key": SECRET, **settings})
    return Target("lab", model, Raw(json.dumps(model).encode()), provider, options)


# What may be sent


class _Strict(Struct, forbid_unknown_fields=True):
    pass


class _Text(_Strict, tag="text"):
    text: str


class _ImageUrl(_Strict):
    url: str
    detail: Literal["low", "high", "auto"] | None = None


class _Image(_Strict, tag="image_url"):
    image_url: _ImageUrl


class _Url(_Strict):
    url: str


class _Video(_Strict, tag="video_url"):
    video_url: _Url


class _Sound(_Strict):
    data: str
    format: Literal["wav", "mp3"]


class _Audio(_Strict, tag="input_audio"):
    input_audio: _Sound


class _Call(_Strict):
    name: str
    arguments: str


class _ToolCall(_Strict):
    id: str
    type: Literal["function"]
    function: _Call


class _System(_Strict, tag="system", tag_field="role"):
    content: str
    name: str | None = None


class _User(_Strict, tag="user", tag_field="role"):
    content: str | list[_Text | _Image | _Video | _Audio]
    name: str | None = None


class _Assistant(_Strict, tag="assistant", tag_field="role"):
    content: str | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Result(_Strict, tag="tool", tag_field="role"):
    content: str
    tool_call_id: str


class _Function(_Strict):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(_Strict):
    type: Literal["function"]
    function: _Function


class _Named(_Strict):
    name: str


class _ToolChoice(_Strict):
    type: Literal["function"]
    function: _Named


class _JsonSchema(_Strict):
    name: str
    schema: dict[str, Any]
    strict: bool | None = None


class _ResponseFormat(_Strict):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _JsonSchema | None = None


class _Parameters(_Strict):
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    presence_penalty: float | None = None
    response_format: _ResponseFormat | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    time_limit: int | None = None
    top_p: float | None = None
    n: int | None = None
    logit_bias: dict[str, float] | None = None
    seed: int | None = None
    stop: list[str] | None = None
    guided_choice: list[str] | None = None
    guided_regex: str | None = None
    guided_grammar: str | None = None
    guided_json: dict[str, Any] | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    include_reasoning: bool | None = None
    repetition_penalty: float | None = None
    length_penalty: float | None = None


class _DeploymentChat(_Parameters, kw_only=True):
    messages: list[_System | _User | _Assistant | _Result]
    tools: list[_Tool] | None = None
    tool_choice_option: Literal["none", "auto", "required"] | None = None
    tool_choice: _ToolChoice | None = None
    context: str | None = None

    def __post_init__(self) -> None:
        if self.tool_choice is not None and self.tool_choice_option is not None:
            raise ValueError("only one of the two choices of tools may be there")


class _Chat(_DeploymentChat, kw_only=True):
    model_id: str
    project_id: str | None = None
    space_id: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.project_id is None) == (self.space_id is None):
            raise ValueError("either the project or the space has to be there")


class _ReturnOptions(_Strict):
    input_text: bool | None = None


class _EmbeddingsParameters(_Strict):
    truncate_input_tokens: int | None = None
    return_options: _ReturnOptions | None = None


class _Embeddings(_Strict):
    model_id: str
    inputs: list[str]
    project_id: str
    parameters: _EmbeddingsParameters | None = None


class _Input(_Strict):
    text: str


class _RerankOptions(_Strict):
    top_n: int | None = None
    inputs: bool | None = None
    query: bool | None = None


class _RerankParameters(_Strict):
    truncate_input_tokens: int | None = None
    return_options: _RerankOptions | None = None


class _Rerank(_Strict):
    model_id: str
    query: str
    inputs: list[_Input]
    project_id: str
    parameters: _RerankParameters | None = None


_KINDS = {"chat": _Chat, "deployment": _DeploymentChat, "embeddings": _Embeddings, "rerank": _Rerank}


def judged(body: bytes, kind: str = "chat") -> dict[str, Any]:
    """A request, refused where the service has no such member or another type."""
    msgspec.json.decode(body, type=_KINDS[kind])
    read: dict[str, Any] = json.loads(body)
    return read


# What comes back


def event(choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """One event of a stream."""
    head = {"id": "chatcmpl-5d8c", "object": "chat.completion.chunk", "model_id": "ibm/granite", "model": "ibm/granite"}
    times = {"created": 1749736055, "model_version": "4.0.0", "created_at": "2025-06-12T13:47:35.541Z"}
    return head | {"choices": choices} | times | more


def piece(finish_reason: str | None = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    """A piece of an answer alone in its event."""
    return event([{"index": index, "finish_reason": finish_reason, "delta": delta}])


OPENING = piece(role="assistant", content="")
USAGE = event([], usage={"completion_tokens": 3, "prompt_tokens": 38, "total_tokens": 41})


def stream_of(events: Iterable[dict[str, Any]]) -> bytes:
    """A stream as the service writes it: an id, a name and the data of each event."""
    frames = (f"id: {number}\nevent: message\ndata: {json.dumps(each)}\n\n" for number, each in enumerate(events, 1))
    return "".join(frames).encode()


def whole(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The unary answer that a stream amounts to, put together as IBM's own packages do."""
    answer: dict[str, Any] = {"choices": []}
    choices: dict[int, dict[str, Any]] = {}
    for each in events:
        answer |= {
            name: value for name, value in each.items() if value is not None and name not in ("choices", "system")
        }
        for told in each["choices"]:
            choice = choices.setdefault(told["index"], {"index": told["index"], "message": {"role": "assistant"}})
            _join(choice, told)
    return answer | {"choices": [choices[index] for index in sorted(choices)]}


def _join(choice: dict[str, Any], told: dict[str, Any]) -> None:
    said = choice["message"]
    for name in ("content", "reasoning_content", "refusal"):
        if text := told["delta"].get(name):
            said[name] = said.get(name, "") + text
    for call in told["delta"].get("tool_calls") or ():
        calls = said.setdefault("tool_calls", [])
        index = call.get("index", max(len(calls) - 1, 0))
        if index == len(calls):
            calls.append({"type": "function", "function": {"name": "", "arguments": ""}})
        if call.get("id"):
            calls[index]["id"] = call["id"]
        for name in ("name", "arguments"):
            calls[index]["function"][name] += call["function"].get(name) or ""
    if told.get("logprobs"):
        choice.setdefault("logprobs", {"content": []})["content"] += told["logprobs"]["content"]
    if told.get("finish_reason"):
        choice["finish_reason"] = told["finish_reason"]
