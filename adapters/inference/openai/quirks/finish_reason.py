"""Finish reasons as OpenAI has them, one for each choice. https://platform.openai.com/docs/api-reference/chat/object"""

from typing import Any

from adapters.inference.openai.quirks.memory import Memory

_MEANING = {
    **{reason: reason for reason in ("stop", "length", "tool_calls", "content_filter", "function_call")},
    "eos": "stop",  # Together
    "eos_token": "stop",  # text generation inference
    "stop_sequence": "stop",
    "end_turn": "stop",
    "complete": "stop",
    "tool_call": "tool_calls",  # Azure's model inference
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_length": "length",  # Mistral
    "model_context_window_exceeded": "length",  # Z.ai
    "insufficient_system_resource": "length",  # DeepSeek: https://api-docs.deepseek.com/api/create-chat-completion
    "network_error": "length",  # Z.ai: https://docs.z.ai/api-reference/llm/chat-completion
    "abort": "length",  # vLLM
    "sensitive": "content_filter",  # Z.ai
    "safety": "content_filter",
}
"""What was broken off for any reason is `length`: the answer is not whole. Other words mean `stop`."""


def mend_finish(choice: dict[str, Any], memory: Memory) -> None:
    """Give a choice a reason of OpenAI's, only once in a stream; the provider's own word is in `native_finish_reason`.

    `stop` beside tool calls is `tool_calls`; an empty reason is none, and at the end the one that fits.
    """
    reason = choice.get("finish_reason")
    if not reason and not memory.whole:
        choice["finish_reason"] = None
        return
    if memory.finished:  # some tell it in two or three chunks
        choice["finish_reason"] = None
        return
    memory.finished = True
    meant = _MEANING.get(reason, "stop") if isinstance(reason, str) else "stop"
    if meant == "stop" and memory.calls:
        meant = "tool_calls"
    if reason and meant != reason:
        choice.setdefault("native_finish_reason", reason)
    choice["finish_reason"] = meant
