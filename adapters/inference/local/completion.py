"""A text completion request for llama.cpp, and its answer in OpenAI's shape.

https://platform.openai.com/docs/api-reference/completions/object
"""

import secrets
import time
from typing import Any

from adapters.inference.local.chunks import Choice, Chunk
from adapters.wire.body import Body
from adapters.wire.errors import BadRequest


def prepare(body: Body) -> dict[str, Any]:
    """The fields for the engine. Raises BadRequest where there is no prompt."""
    if "prompt" not in body.fields:
        raise BadRequest("You must provide a 'prompt' parameter.", param="prompt", code="missing_required_parameter")
    return dict(body.fields)


class CompletionAnswer:
    """Turns the engine's chunks into OpenAI's."""

    def __init__(self, model: str) -> None:
        self._lengths: dict[int, int] = {}
        """Characters of each choice so far: where its next token begins."""
        self._head = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
        }

    def chunk(self, chunk: Chunk) -> dict[str, Any] | None:
        """OpenAI's chunk for the engine's, None where nothing is to be said."""
        choices = [self._choice(choice) for choice in chunk.choices]
        return self._head | {"choices": choices} if choices else None

    def usage_chunk(self, usage: dict[str, Any]) -> dict[str, Any]:
        """The last chunk of a stream whose reader asked for usage."""
        return self._head | {"choices": [], "usage": usage}

    def whole(self, chunks: list[dict[str, Any]], usage: dict[str, Any]) -> dict[str, Any]:
        """The unary answer that the chunks add up to."""
        choices: dict[int, dict[str, Any]] = {}
        for chunk in chunks:
            for part in chunk["choices"]:
                choice = choices.setdefault(part["index"], part | {"text": "", "logprobs": None})
                choice["text"] += part["text"]
                choice["finish_reason"] = part["finish_reason"]
                choice["logprobs"] = _joined(choice["logprobs"], part["logprobs"])
        return self._head | {"choices": [choices[index] for index in sorted(choices)], "usage": usage}

    def _choice(self, choice: Choice) -> dict[str, Any]:
        start = self._lengths.get(choice.index, 0)
        self._lengths[choice.index] = start + len(choice.text)
        tokens = (choice.logprobs or {}).get("content") or []
        return {
            "text": choice.text,
            "index": choice.index,
            "logprobs": _legacy(tokens, start) if tokens else None,
            "finish_reason": choice.finish_reason,
        }


def _legacy(tokens: list[dict[str, Any]], offset: int) -> dict[str, Any]:
    """Token probabilities as the completions operation has them: one list for each of their facts."""
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token["token"])
    return {
        "tokens": [token["token"] for token in tokens],
        "token_logprobs": [token["logprob"] for token in tokens],
        "top_logprobs": [{top["token"]: top["logprob"] for top in token["top_logprobs"]} for token in tokens],
        "text_offset": offsets,
    }


def _joined(before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any] | None:
    if before is None or after is None:
        return before or after
    return {name: before[name] + after[name] for name in before}
