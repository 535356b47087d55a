"""A conversation as the service's turns, and the instructions that stand above them."""

import re
from collections.abc import Iterable
from typing import Any, TypeAlias

from msgspec import Struct

from adapters.inference.anthropic.content import blocks, cached, text_blocks
from adapters.inference.anthropic.kept import from_details, from_id
from adapters.inference.anthropic.schema import RedactedThinking, Thinking
from adapters.wire.chat import (
    Assistant,
    Developer,
    FunctionCall,
    Message,
    System,
    Tool,
    ToolCall,
    User,
    arguments_object,
)
from adapters.wire.fields import Drops

Turn: TypeAlias = dict[str, Any]

_NO_ID = re.compile(r"[^a-zA-Z0-9_-]")


class Conversation(Struct):
    """What a conversation becomes."""

    system: list[dict[str, Any]]
    """Instructions that hold from the start."""
    turns: list[Turn]

    @property
    def last_call_lacks_thoughts(self) -> bool:
        """Whether the model goes on after calls whose thoughts are lost, or that another model made.

        It refuses to think within a budget then:
        https://platform.claude.com/docs/en/build-with-claude/extended-thinking#preserving-thinking-blocks
        """
        answers = [turn["content"] for turn in self.turns if turn["role"] == "assistant"]
        if not answers or isinstance(answers[-1][0], Thinking | RedactedThinking):
            return False
        return any(isinstance(block, dict) and block.get("type") == "tool_use" for block in answers[-1])


def conversation(messages: list[Message], drops: Drops, *, takes_system_turns: bool) -> Conversation:
    """The messages as turns.

    Instructions from the time before the first turn are the system prompt. Later ones stand where the service takes
    them, after the user's turn and before the model's:
    https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages#limitations
    A model that takes none there gets them in the system prompt, as Anthropic's own OpenAI surface does it:
    https://platform.claude.com/docs/en/api/openai-sdk#system-developer-message-hoisting
    """
    said = _Writer(drops, takes_system_turns=takes_system_turns)
    for index, message in enumerate(messages):
        said.take(message, f"messages[{index}]")
    return said.result()


class _Writer:
    """Turns as far as they have been written."""

    def __init__(self, drops: Drops, *, takes_system_turns: bool) -> None:
        self._drops = drops
        self._takes_system_turns = takes_system_turns
        self._system: list[dict[str, Any]] = []
        self._turns: list[Turn] = []
        self._results: list[dict[str, Any]] = []
        self._later: list[dict[str, Any]] = []
        """Instructions that wait for the end of the user's turn."""
        self._last_call = ""

    def take(self, message: Message, param: str) -> None:
        match message:
            case System() | Developer():
                self._instruct(text_blocks(message.content, f"{param}.content"))
            case User():
                self._name(message.name, param)
                self._say("user", message.content, blocks(message.content, f"{param}.content", self._drops))
            case Assistant():
                self._name(message.name, param)
                self._answer(message, param)
            case Tool():
                self._result(message, param)
            case _:
                result = Tool(message.content or "", self._last_call)
                self._result(result, param)

    def result(self) -> Conversation:
        self._end_of_users_turn()
        _trim_prefill(self._turns)
        if not self._turns:  # the service wants one
            return Conversation([], [{"role": "user", "content": self._system}])
        return Conversation(self._system, self._turns)

    def _instruct(self, instructions: list[dict[str, Any]]) -> None:
        if self._takes_system_turns and (self._turns or self._later):
            self._later += instructions
        else:
            self._system += instructions

    def _name(self, name: str | None, param: str) -> None:
        if name is not None:
            self._drops.drop(f"{param}.name")

    def _say(self, role: str, content: Any, found: list[dict[str, Any]]) -> None:
        self._results = []
        self._turns.append({"role": role, "content": content if isinstance(content, str) else found})

    def _result(self, message: Tool, param: str) -> None:
        """Results of parallel calls belong into one turn."""
        if not self._results:
            self._say("user", None, self._results)
            self._results = self._turns[-1]["content"]
        self._results.append(_tool_result(message, param, self._drops))

    def _answer(self, message: Assistant, param: str) -> None:
        self._end_of_users_turn()
        found = _assistant(message, param, self._drops)
        if message.function_call is not None:
            self._last_call = f"call_{len(self._turns)}"
            found.append(_tool_use(self._last_call, message.function_call, f"{param}.function_call"))
        if found:
            self._say("assistant", None, found)

    def _end_of_users_turn(self) -> None:
        if not self._later:
            return
        if self._turns[-1]["role"] == "user":
            self._say("system", None, self._later)
        else:
            self._system += self._later
        self._later = []


def _assistant(message: Assistant, param: str, drops: Drops) -> list[Any]:
    calls = message.tool_calls or []
    details = from_details(message)
    found = [*details, *([] if details or not calls else from_id(calls[0]))]
    if not found and (message.reasoning_content or message.reasoning):
        drops.drop(f"{param}.{'reasoning_content' if message.reasoning_content else 'reasoning'}")
    if message.audio is not None:
        drops.drop(f"{param}.audio")
    said = blocks(message.content, f"{param}.content", drops)
    if message.refusal:
        said.append({"type": "text", "text": message.refusal})
    found += said
    for index, call in enumerate(calls):
        found += from_id(call) if index and not details else ()
        found.append(_tool_use(_plain_id(call.id), call.function, f"{param}.tool_calls[{index}].function"))
    if found and isinstance(found[-1], dict):
        found[-1] = cached(found[-1], message.cache_control)
    return found


def _tool_use(call_id: str, call: FunctionCall, param: str) -> dict[str, Any]:
    arguments = arguments_object(call, f"{param}.arguments")
    return {"type": "tool_use", "id": call_id, "name": call.name, "input": arguments}


def _tool_result(message: Tool, param: str, drops: Drops) -> dict[str, Any]:
    content = message.content
    told = content if isinstance(content, str) else blocks(content, f"{param}.content", drops)
    result = {"type": "tool_result", "tool_use_id": _plain_id(message.tool_call_id), "content": told}
    return cached(result, message.cache_control)


def _plain_id(call_id: str) -> str:
    """The id in the letters that the service takes; other services' ids may have dots and colons."""
    return _NO_ID.sub("_", call_id)


def _trim_prefill(turns: list[Turn]) -> None:
    """Take white space from the end of an answer that the model is to continue: the service refuses it."""
    if not turns or turns[-1]["role"] != "assistant":
        return
    content = turns[-1]["content"]
    last = content[-1]
    if isinstance(last, dict) and last["type"] == "text":
        last["text"] = last["text"].rstrip()
        if not last["text"]:
            content.pop()
    if not content:
        turns.pop()


def called_tools(messages: Iterable[Message]) -> list[str]:
    """The names of the tools that were called so far, each once."""
    found: dict[str, None] = {}
    for message in messages:
        if isinstance(message, Assistant):
            calls: list[ToolCall] = message.tool_calls or []
            found |= dict.fromkeys(call.function.name for call in calls)
            if message.function_call is not None:
                found[message.function_call.name] = None
    return list(found)
