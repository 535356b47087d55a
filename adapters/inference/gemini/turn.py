"""What one candidate says, put together part by part: the same for whole answers and for streams."""

import base64
from typing import Any

import msgspec
from msgspec import Raw, Struct

from adapters.inference.gemini.citations import annotations_of
from adapters.inference.gemini.partial_args import merge
from adapters.inference.gemini.schema import (
    Blob,
    Candidate,
    CitationMetadata,
    FunctionCall,
    GroundingMetadata,
    LogprobsResult,
    Part,
    Token,
)
from adapters.inference.gemini.state import MADE_UP, encrypted, server_part, thought
from adapters.wire.carried import carry
from adapters.wire.completion import FinishReason, ReplyFunction, ReplyMessage, ReplyToolCall, message
from adapters.wire.errors import UpstreamError
from adapters.wire.structured import FORCED_TOOL

DIALECT = "gemini"
"""Under which ids carry a signature: also that of Vertex AI, where the same models know the same signatures."""

_FILTERED = frozenset((
    "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "ESCALATION",
    "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
))  # fmt: skip
_FAILED = frozenset((
    "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE", "NO_IMAGE", "IMAGE_OTHER", "OTHER",
))  # fmt: skip
"""Reasons that say that the model went wrong: https://ai.google.dev/api/generate-content#FinishReason"""


class _OpenCall(Struct):
    """A call whose arguments come in pieces."""

    name: str
    id: str | None
    signature: str | None
    arguments: dict[str, Any]


class Turn:
    """One candidate, as far as it has come."""

    __slots__ = (
        "_answer",
        "_answered",
        "_audio",
        "_citations",
        "_grounding",
        "_index",
        "_open",
        "_refusal",
        "calls",
        "details",
        "finish_reason",
        "images",
        "logprobs",
        "texts",
        "thoughts",
    )

    def __init__(self, answer: str, index: int) -> None:
        self._answer = answer
        self._answered = False
        """Whether the function that stands for the answer was called."""
        self._index = index
        self._open: _OpenCall | None = None
        self._audio: list[str] = []
        self._grounding: GroundingMetadata | None = None
        self._citations: CitationMetadata | None = None
        self._refusal: str | None = None
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.calls: list[ReplyToolCall] = []
        self.images: list[dict[str, Any]] = []
        self.details: list[dict[str, Any]] = []
        self.logprobs: list[dict[str, Any]] = []
        self.finish_reason: FinishReason | None = None

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self.texts)

    @property
    def annotations(self) -> list[dict[str, Any]]:
        """What the answer rests on."""
        return annotations_of(self.texts, self._grounding, self._citations)

    def take(self, candidate: Candidate) -> list[dict[str, Any]]:
        """Add a candidate, or the next piece of it; give the deltas in which OpenAI would stream that.

        Raises UpstreamError where it ends without having said anything because the model went wrong.
        """
        parts = candidate.content.parts if candidate.content is not None else None
        deltas = []
        for part in parts or ():
            self.texts.append("" if part.thought else part.text or "")  # every part, since citations count them
            if delta := self._part(part):
                deltas.append(delta)
        if candidate.grounding_metadata is not None and candidate.grounding_metadata.grounding_chunks:
            self._grounding = candidate.grounding_metadata
        if candidate.citation_metadata is not None:
            self._citations = candidate.citation_metadata
        if candidate.finish_reason is not None:
            if self._open is not None and (delta := self._say_open(self._open)):
                deltas.append(delta)
            self._finish(candidate.finish_reason, candidate.finish_message)
        return deltas

    def take_logprobs(self, told: LogprobsResult) -> dict[str, Any]:
        """Add the probabilities of tokens; give them as OpenAI writes them."""
        tops = told.top_candidates or []
        added = []
        for place, token in enumerate(told.chosen_candidates or ()):
            top = tops[place].candidates if place < len(tops) else None
            added.append(_logprob(token) | {"top_logprobs": [_logprob(each) for each in top or ()]})
        self.logprobs += added
        return {"content": added, "refusal": None}

    def block(self, reason: str, explanation: str | None) -> None:
        """The prompt was blocked, so nothing is said."""
        self.finish_reason = "content_filter"
        self._refusal = explanation or f"The prompt was blocked: {reason}."

    def end(self) -> dict[str, Any]:
        """What a stream tells beside the finish reason, as a delta."""
        told = {"reasoning_details": self.details, "annotations": self.annotations, "refusal": self._refusal}
        return {name: value for name, value in told.items() if value}

    def message(self) -> ReplyMessage:
        """The whole as a message."""
        said = message(
            self.text,
            self.calls,
            reasoning="".join(self.thoughts),
            reasoning_details=self.details,
            refusal=self._refusal,
            annotations=self.annotations,
            images=self.images,
        )
        if self._audio:
            sound = base64.b64encode(b"".join(map(base64.b64decode, self._audio))).decode()
            said.audio = {"id": self._answer, "data": sound, "expires_at": 0, "transcript": ""}
        return said

    def _part(self, part: Part) -> dict[str, Any] | None:
        signature = part.thought_signature
        if part.text is not None and part.thought is None and signature is None:  # as nearly all are
            return {"content": part.text} if part.text else None
        match part:
            case Part(text=str(text), thought=True):
                self.thoughts.append(text)
                if signature:
                    self.details.append(thought("".join(self.thoughts), signature, len(self.details)))
                return {"reasoning_content": text} if text else None
            case Part(thought=True):
                return None
            case Part(function_call=FunctionCall() as call):
                return self._call(call, signature)
            case Part(inline_data=Blob() as blob):
                return self._media(blob)
            case Part(text=str(text)):
                if signature:
                    self.details.append(encrypted(signature, len(self.details)))
                return {"content": text} if text else None
            case _:
                self._keep(part)
                return None

    def _call(self, call: FunctionCall, signature: str | None) -> dict[str, Any] | None:
        if call.name and not call.will_continue and not call.partial_args:
            arguments = msgspec.json.format(call.args, indent=-1).decode() if call.args else "{}"
            return self._say(call.name, call.id, arguments if arguments != "null" else "{}", signature)
        if call.name:
            self._open = _OpenCall(call.name, call.id, signature, {})
        if self._open is None:
            return None
        merge(self._open.arguments, call.partial_args or [])
        return None if call.will_continue else self._say_open(self._open)

    def _say_open(self, call: _OpenCall) -> dict[str, Any] | None:
        self._open = None
        return self._say(call.name, call.id, msgspec.json.encode(call.arguments).decode(), call.signature)

    def _say(self, name: str, given: str | None, arguments: str, signature: str | None) -> dict[str, Any] | None:
        if name == FORCED_TOOL:
            return self._say_answer(arguments)
        place = len(self.calls)
        call_id = given or f"{MADE_UP}{self._answer}_{self._index}_{place}"
        if signature:
            self.details.append(encrypted(signature, len(self.details), call_id))
            call_id = carry(call_id, DIALECT, signature.encode())
        self.calls.append(ReplyToolCall(id=call_id, function=ReplyFunction(name, arguments)))
        function = {"name": name, "arguments": arguments}
        return {"tool_calls": [{"index": place, "id": call_id, "type": "function", "function": function}]}

    def _say_answer(self, arguments: str) -> dict[str, Any] | None:
        """The arguments are the answer; the first call counts, and its signature is of a call that never was."""
        if self._answered:
            return None
        self._answered = True
        self.texts[-1] += arguments
        return {"content": arguments}

    def _media(self, blob: Blob) -> dict[str, Any]:
        if blob.mime_type.startswith("audio/"):
            self._audio.append(blob.data)
            return {"audio": {"id": self._answer, "data": blob.data}}
        url = f"data:{blob.mime_type};base64,{blob.data}"
        image = {"type": "image_url", "image_url": {"url": url}, "index": len(self.images)}
        self.images.append(image)
        return {"images": [image]}

    def _keep(self, part: Part) -> None:
        """Keep what a tool of the service's own did, for the next turn."""
        raws: dict[str, Raw] = {
            "executableCode": part.executable_code,
            "codeExecutionResult": part.code_execution_result,
            "toolCall": part.tool_call,
            "toolResponse": part.tool_response,
        }
        for kind, raw in raws.items():
            if raw:
                self.details.append(server_part(kind, raw, part.thought_signature, len(self.details)))

    def _finish(self, reason: str, explanation: str | None) -> None:
        if reason in _FAILED and not (self.text or self.calls or self.images or self._audio):
            text = explanation or f"The model gave no answer: {reason}."
            raise UpstreamError(text, code=reason.lower())
        if reason in _FILTERED:
            self.finish_reason, self._refusal = "content_filter", explanation
        elif reason == "MAX_TOKENS":
            self.finish_reason = "length"
        else:
            self.finish_reason = "tool_calls" if self.calls else "stop"


def _logprob(token: Token) -> dict[str, Any]:
    return {"token": token.token, "logprob": token.log_probability, "bytes": list(token.token.encode())}
