"""Thoughts of models that are not Anthropic's, as thinking blocks, and back.

A thinking block needs a signature, which clients bring back unread. Anthropic's own stays what it is. For any other
model the gateway writes one: it says who thought, under which member of the message the provider wants the thought
back, and what else was told of it. Where another provider is asked next, the thought is left out: it is nobody else's.

Thoughts in OpenAI's format are `reasoning_content` or `reasoning` (a text), and `reasoning_details` (entries with their
signatures: https://openrouter.ai/docs/guides/best-practices/reasoning-tokens).
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from adapters.messages.schema import RedactedThinkingBlock, ThinkingBlock
from adapters.wire.carried import MARK, carry, split

ANTHROPIC = "anthropic-claude-v1"
"""The `format` of entries whose signature is Anthropic's own."""
_US = "messages"
OURS = f"{MARK}{_US}__"
"""What a signature of the gateway's begins with."""
_TEXT_MEMBERS = {"reasoning.text": "text", "reasoning.summary": "summary"}


class Thought(Struct, array_like=True):
    """What a signature of ours holds."""

    provider: str
    """Who thought, by its name in the configuration."""
    member: str | None = None
    """`reasoning_content` or `reasoning`, where the text came so."""
    detail: dict[str, Any] | None = None
    """The entry of `reasoning_details`, without its text."""
    text: str | None = None
    """The text, where the block does not show it."""


_thought = msgspec.json.Decoder(Thought)
_encode = msgspec.json.Encoder().encode


def sign(thought: Thought) -> str:
    """A signature that holds a thought."""
    return carry("", _US, _encode(thought))


def read(signature: str) -> Thought | None:
    """What a signature of ours holds; None for any other, and for one that is spoiled."""
    _, carried = split(signature) if signature.startswith(OURS) else ("", None)
    if carried is None:
        return None
    try:
        return _thought.decode(carried.state)
    except msgspec.DecodeError:
        return None


def text_of(detail: dict[str, Any]) -> str:
    """The text of an entry, empty where it has none to be read."""
    text = detail.get(_TEXT_MEMBERS.get(str(detail.get("type")), ""))
    return text if isinstance(text, str) else ""


def is_readable(detail: dict[str, Any]) -> bool:
    """Whether an entry is a text."""
    return detail.get("type") in _TEXT_MEMBERS


def signature_of(provider: str, member: str | None, detail: dict[str, Any] | None, hidden: str | None = None) -> str:
    """The signature of a thinking block; `hidden` is its text where the block does not show it."""
    if detail is not None:
        detail = {name: value for name, value in detail.items() if name not in _TEXT_MEMBERS.values()}
    return sign(Thought(provider, member, detail, hidden))


def anthropics(detail: dict[str, Any] | None) -> str | None:
    """Anthropic's own signature or redacted data, where an entry has it."""
    if detail is None or detail.get("format") != ANTHROPIC:
        return None
    sealed = detail.get("signature") if is_readable(detail) else detail.get("data")
    return sealed if isinstance(sealed, str) and sealed else None


class Recalled:
    """The thoughts of one message that came back, as its provider wants them."""

    __slots__ = ("_plain", "_provider", "_texts", "details")

    def __init__(self, provider: str, plain: bool) -> None:
        self._provider = provider
        self._plain = plain
        self._texts: dict[str, str] = {}
        self.details: list[dict[str, Any]] = []

    def add(self, block: ThinkingBlock | RedactedThinkingBlock) -> bool:
        """Take a block; tell whether it is for this provider."""
        sealed, shown = (block.signature, block.thinking) if isinstance(block, ThinkingBlock) else (block.data, "")
        thought = read(sealed)
        if thought is None:
            return self._add_anthropics(block, sealed)
        if thought.provider != self._provider:
            return False
        text = shown if thought.text is None else thought.text
        if thought.member is not None:
            self._texts[thought.member] = self._texts.get(thought.member, "") + text
        if thought.detail is not None:
            member = _TEXT_MEMBERS.get(str(thought.detail.get("type")))
            self.details.append(thought.detail if member is None else thought.detail | {member: text})
        return True

    def _add_anthropics(self, block: ThinkingBlock | RedactedThinkingBlock, sealed: str) -> bool:
        if self._plain or not sealed or sealed.startswith(OURS):
            return False
        if isinstance(block, ThinkingBlock):
            entry = {"type": "reasoning.text", "text": block.thinking, "signature": sealed}
        else:
            entry = {"type": "reasoning.encrypted", "data": sealed}
        self.details.append({**entry, "format": ANTHROPIC, "index": len(self.details)})
        return True

    @property
    def members(self) -> dict[str, Any]:
        """The members of the message that hold them."""
        return {**self._texts, **({"reasoning_details": self.details} if self.details else {})}


_tree = msgspec.json.Decoder(list[dict[str, Any]])


def for_anthropic(messages: Raw) -> Raw:
    """Messages without thoughts that the gateway signed, as Anthropic takes no signature but its own.

    Those that hold Anthropic's own get it back.
    """
    if OURS.encode() not in bytes(messages):
        return messages
    try:
        tree = _tree.decode(messages)
    except (msgspec.DecodeError, RecursionError):
        return messages  # the service judges it
    kept = []
    for message in tree:
        content = message.get("content")
        if isinstance(content, list):
            blocks = [restored for block in content if (restored := _restored(block)) is not None]
            if content and not blocks:
                continue
            message["content"] = blocks
        kept.append(message)
    return Raw(_encode(kept))


def _restored(block: Any) -> Any:
    if not isinstance(block, dict):
        return block
    member = {"thinking": "signature", "redacted_thinking": "data"}.get(str(block.get("type")), "")
    sealed = block.get(member)
    if not isinstance(sealed, str) or not sealed.startswith(OURS):
        return block
    thought = read(sealed)
    own = anthropics(thought.detail) if thought is not None else None
    if thought is None or own is None:
        return None
    if member == "signature" and thought.text is not None:
        block["thinking"] = thought.text
    return block | {member: own}
