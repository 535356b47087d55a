"""The conversation: OpenAI's messages to Converse's, where user and assistant take turns.

Messages of one role that follow each other become one turn; instructions stand apart, wherever they came, and are the
user's turn where there is no other; blank text, which Bedrock refuses, is left out.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from adapters.inference.bedrock.carrying import JsonBlock, carried_blocks, thoughts_of
from adapters.inference.bedrock.families import Family
from adapters.inference.bedrock.media import audio_block, document_block, image_block, video_block
from adapters.wire.chat import (
    Assistant,
    ChatRequest,
    Content,
    Developer,
    FilePart,
    Function,
    FunctionCall,
    ImagePart,
    Message,
    Part,
    RefusalPart,
    System,
    TextPart,
    Tool,
    User,
    VideoPart,
    arguments_object,
    unsupported_part,
)
from adapters.wire.fields import Drops

_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_MISTRAL_ID = re.compile(r"[a-zA-Z0-9]{9}")


class Conversation:
    """What the messages of one request become."""

    def __init__(self, request: ChatRequest, family: Family, drops: Drops) -> None:
        self.system: list[JsonBlock] = []
        self.turns: list[dict[str, Any]] = []
        self.called: list[str] = []
        """Names of the tools that were called."""
        self._family = family
        self._drops = drops
        self._documents: set[str] = set()
        self._function_id = ""
        for index, message in enumerate(request.messages):
            self._add(message, f"messages[{index}]")
        if not self.turns:
            self.system, self.turns = [], [{"role": "user", "content": self.system}]
        if family.claude is not None:
            _trim_prefill(self.turns[-1])

    @property
    def last_call_lacks_thoughts(self) -> bool:
        """Whether the model goes on after a call of which its thoughts are lost."""
        turns = self.turns
        if len(turns) < 2 or "toolResult" not in turns[-1]["content"][0]:
            return False
        return "reasoningContent" not in turns[-2]["content"][0]

    def _add(self, message: Message, param: str) -> None:
        if getattr(message, "name", None) is not None and not isinstance(message, Tool | Function):
            self._drops.drop(f"{param}.name")
        match message:
            case System() | Developer():
                self.system += self._texts(message.content, f"{param}.content")
            case User():
                self._say("user", self._parts(message.content, f"{param}.content"))
            case Assistant():
                self._say("assistant", self._assistant(message, param))
            case Tool():
                result = list(self._parts(message.content, f"{param}.content", inside=True))
                block = {"toolResult": {"toolUseId": self._id(message.tool_call_id), "content": result}}
                control = message.cache_control or _inner_control(message.content)
                self._say("user", iter([block, *self._cache_point(control, param)]))
            case _:
                told = [{"text": message.content}] if message.content else []
                self._say("user", iter([{"toolResult": {"toolUseId": self._function_id, "content": told}}]))

    def _say(self, role: str, blocks: Iterator[JsonBlock]) -> None:
        said = list(blocks)
        if not said:
            return
        if self.turns and self.turns[-1]["role"] == role:
            self.turns[-1]["content"] += said
        else:
            self.turns.append({"role": role, "content": said})

    def _assistant(self, message: Assistant, param: str) -> Iterator[JsonBlock]:
        calls = message.tool_calls or []
        before = [carried_blocks(call.carried, self._family) for call in calls]
        thoughts = thoughts_of(message, self._family)
        if message.reasoning_details is not None:
            yield from thoughts
            before = [[block for block in blocks if "reasoningContent" not in block] for blocks in before]
        if before:
            yield from before[0]
        if (message.reasoning_content or message.reasoning) and not thoughts and not any(before):
            self._drops.drop_foreign(f"{param}.reasoning_content")
        if message.audio is not None:
            self._drops.drop(f"{param}.audio")
        yield from self._texts(message.content, f"{param}.content")
        yield from self._texts(message.refusal, f"{param}.refusal")
        for place, call in enumerate(calls):
            if place:
                yield from before[place]
            yield self._tool_use(call.id, call.function, f"{param}.tool_calls[{place}].function.arguments")
        if message.function_call is not None:
            self._function_id = re.sub(r"\W", "_", param)
            yield self._tool_use(self._function_id, message.function_call, f"{param}.function_call.arguments")
        yield from self._cache_point(message.cache_control, param)

    def _tool_use(self, call_id: str, call: FunctionCall, param: str) -> JsonBlock:
        self.called.append(call.name)
        return {"toolUse": {"toolUseId": self._id(call_id), "name": call.name, "input": arguments_object(call, param)}}

    def _texts(self, content: Content, param: str) -> Iterator[JsonBlock]:
        """The blocks of a content that can only be text."""
        for index, part in enumerate(content if isinstance(content, list) else ()):
            if not isinstance(part, TextPart | RefusalPart):
                raise unsupported_part(part, f"{param}[{index}]")
        return self._parts(content, param)

    def _parts(self, content: Content, param: str, inside: bool = False) -> Iterator[JsonBlock]:
        """The blocks of a content; `inside` a tool's result there is no place for cache points."""
        if content is None or isinstance(content, str):
            content = [TextPart(content or "")]
        for index, part in enumerate(content):
            place = f"{param}[{index}]"
            if (block := self._block(part, place)) is not None:
                yield block
            if not inside:
                yield from self._cache_point(getattr(part, "cache_control", None), place)

    def _block(self, part: Part, param: str) -> JsonBlock | None:
        match part:
            case TextPart(text=text) | RefusalPart(refusal=text):
                return {"text": text} if text.strip() else None
            case ImagePart():
                if part.image_url.detail not in (None, "auto"):
                    self._drops.drop(f"{param}.image_url.detail")
                return image_block(part, param)
            case FilePart():
                return document_block(part, param, self._documents)
            case VideoPart():
                return video_block(part, param)
            case _:
                return audio_block(part, param)

    def _cache_point(self, control: dict[str, Any] | None, param: str) -> Iterator[JsonBlock]:
        if control is None:
            return
        if self._family.caches:
            yield cache_point(control)
        else:
            self._drops.drop(f"{param}.cache_control")

    def _id(self, call_id: str) -> str:
        """An id as Bedrock takes it, the same for a call and its result; Mistral's models are stricter."""
        of_mistral = self._family.vendor == "mistral"
        if (_MISTRAL_ID if of_mistral else _ID).fullmatch(call_id):
            return call_id
        return sha256(call_id.encode()).hexdigest()[: 9 if of_mistral else 32]


def _trim_prefill(turn: dict[str, Any]) -> None:
    """Take white space from the end of an answer that the model is to continue: Claude refuses it."""
    last = turn["content"][-1] if turn["content"] else {}
    if turn["role"] == "assistant" and "text" in last:
        last["text"] = last["text"].rstrip()


def _inner_control(content: Content) -> dict[str, Any] | None:
    """What the parts of a tool's result say of caching: the result is cached as a whole."""
    parts = content if isinstance(content, list) else []
    return next((control for part in parts if (control := getattr(part, "cache_control", None)) is not None), None)


def cache_point(control: dict[str, Any]) -> JsonBlock:
    """What Anthropic's `cache_control` is called here."""
    ttl = {"ttl": control["ttl"]} if isinstance(control.get("ttl"), str) else {}
    return {"cachePoint": {"type": "default"} | ttl}
