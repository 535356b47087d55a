"""A call that is over, as OpenTelemetry's spans: one of the server, and one of a client for every attempt.

By the conventions for generative AI, whose names are written out here as the package of them is not stable:
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-spans.md
"""

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from adapters.inference.conventions import provider_name
from gateway.call import Attempt, Call
from gateway.observe.otlp_content import input_messages, output_messages
from gateway.observe.trace import Trace

SCOPE = InstrumentationScope("isthmus")
OPERATIONS = {"messages": "chat", "completions": "text_completion"}
"""`gen_ai.operation.name`, where it is not our own word."""
CONTENT_MAX = 65_536
"""Bytes of a prompt or an answer; a longer one is left out."""
_ENDS = 2_048
_ASKED = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "n": "gen_ai.request.choice.count",
}
"""Numbers of the request, by the names of OpenAI's parameters."""
_NUMBER = re.compile(rb"-?\d{1,16}(\.\d{1,16})?")
_TOLD = {
    "gen_ai.response.id": re.compile(rb'"id"\s*:\s*"([\w.:/-]{1,128})"'),
    "gen_ai.response.model": re.compile(rb'"model"\s*:\s*"([\w.:/@-]{1,128})"'),
}
_REASON = re.compile(rb'"(?:finish|stop)_reason"\s*:\s*"(\w{1,32})"')


class Finished:
    """What spans are made of later, in another thread: nothing that is large, and nothing that still changes."""

    __slots__ = ("answer", "asked", "attempts", "call", "moment", "prompt", "size", "trace")

    def __init__(self, call: Call, trace: Trace, content: bool) -> None:
        fields = call.body.fields
        self.call = _Told(call)
        self.trace = trace
        self.moment = time.time_ns() - round(call.ended * 1e9)
        """What is to be added to the loop's clock."""
        self.attempts = [attempt for attempt in call.attempts if attempt.began]
        self.asked = {name: bytes(fields[name]) for name in _ASKED if name in fields and len(fields[name]) < 33}
        answer = b"".join(call.transcript) or _as_event(call)
        self.prompt = self.answer = b""
        if content:
            self.prompt = bytes(fields.get("messages", b""))
            self.answer = answer
            if len(self.prompt) > CONTENT_MAX or len(answer) > CONTENT_MAX:
                content = False
        if not content:
            self.prompt, self.answer = b"", answer[:_ENDS] + answer[-_ENDS:]
        self.size = len(self.prompt) + len(self.answer) + 1_024


def _as_event(call: Call) -> bytes:
    """An answer that came whole, written as one event."""
    whole = call.attempts[-1].answer if call.attempts else b""
    return b"data: %b\n\n" % whole.replace(b"\n", b" ") if whole else b""


class _Told:
    """The small things of a call: not its body."""

    __slots__ = (
        "cache",
        "ended",
        "error",
        "key",
        "model",
        "operation",
        "received",
        "request_id",
        "route",
        "status",
        "stream",
    )

    def __init__(self, call: Call) -> None:
        self.operation = call.operation
        self.model = call.body.model
        self.stream = call.body.stream
        self.key = call.caller.name
        self.route = call.route.name if call.route is not None else None
        self.cache = call.cache
        self.status = call.status
        self.error = call.error
        self.received = call.received
        self.ended = call.ended
        self.request_id = call.request_id.decode("latin-1")


def spans_of(done: Finished, resource: Resource, content: bool) -> Iterator[ReadableSpan]:
    """The server's span, then one for each attempt."""
    call, trace = done.call, done.trace
    own = _context(trace, trace.span)
    parent = _context(trace, int(trace.parent, 16), is_remote=True) if trace.parent else None
    operation = OPERATIONS.get(call.operation, call.operation)
    yield ReadableSpan(
        f"{operation} {call.model}",
        own,
        parent,
        resource,
        _server_attributes(done, operation),
        kind=SpanKind.SERVER,
        status=_status(call.error if call.status >= 500 or call.status == 200 else None),
        start_time=done.moment + round(call.received * 1e9),
        end_time=done.moment + round(call.ended * 1e9),
        instrumentation_scope=SCOPE,
    )
    for attempt in done.attempts:
        is_last = attempt is done.attempts[-1]
        yield ReadableSpan(
            f"{operation} {attempt.target.model}",
            _context(trace, trace.span_of(attempt.id)),
            own,
            resource,
            _attempt_attributes(done, attempt, operation) | (_answered(done, content) if is_last else {}),
            kind=SpanKind.CLIENT,
            status=_status(attempt.error),
            start_time=done.moment + round(attempt.began * 1e9),
            end_time=done.moment + round((attempt.ended or call.ended) * 1e9),
            instrumentation_scope=SCOPE,
        )


def _server_attributes(done: Finished, operation: str) -> dict[str, Any]:
    call = done.call
    attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.request.model": call.model,
        "gen_ai.request.stream": call.stream,
        "http.request.method": "POST",
        "http.response.status_code": call.status,
        "isthmus.key": call.key,
        "isthmus.request.id": call.request_id,
        "isthmus.route": call.route,
        "isthmus.cache": call.cache,
        "isthmus.attempts": len(done.attempts),
        "error.type": call.error,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _attempt_attributes(done: Finished, attempt: Attempt, operation: str) -> dict[str, Any]:
    target, usage = attempt.target, attempt.usage
    url = urlsplit(target.settings.base_url or "")
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider_name(target),
        "gen_ai.request.model": target.model,
        "gen_ai.request.stream": done.call.stream,
        "isthmus.attempt.id": attempt.id.decode(),
        "isthmus.attempt.cause": attempt.cause,
        "http.response.status_code": attempt.status or None,
        "server.address": url.hostname,
        "server.port": (url.port or {"https": 443, "http": 80}.get(url.scheme)) if url.hostname else None,
        "error.type": attempt.error,
    }
    for name, raw in done.asked.items():
        if _NUMBER.fullmatch(raw):
            attributes[_ASKED[name]] = msgspec.json.decode(raw)
    if done.call.stream and attempt.first:
        attributes["gen_ai.response.time_to_first_chunk"] = attempt.first - attempt.began
    if usage is not None:
        attributes |= {
            "gen_ai.usage.input_tokens": usage.prompt_tokens,
            "gen_ai.usage.output_tokens": usage.completion_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens or None,
            "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens or None,
            "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens or None,
        }
    return {name: value for name, value in attributes.items() if value is not None}


def _answered(done: Finished, content: bool) -> dict[str, Any]:
    """What the answer itself says, and the words of it where they are wanted."""
    told = {name: match[1].decode() for name, pattern in _TOLD.items() if (match := pattern.search(done.answer))}
    attributes: dict[str, Any] = dict(told)
    if reasons := _REASON.findall(done.answer):
        attributes["gen_ai.response.finish_reasons"] = [reason.decode() for reason in dict.fromkeys(reasons)]
    if content and done.prompt:
        said = {
            "gen_ai.input.messages": input_messages(done.prompt),
            "gen_ai.output.messages": output_messages(done.answer),
        }
        attributes |= {name: value for name, value in said.items() if value is not None}
    return attributes


def _context(trace: Trace, span: int, *, is_remote: bool = False) -> SpanContext:
    state = TraceState.from_header([trace.state.decode()]) if trace.state else None
    return SpanContext(int(trace.id, 16), span, is_remote, TraceFlags(trace.flags), state)


def _status(error: str | None) -> Status:
    return Status(StatusCode.ERROR, error) if error is not None else Status(StatusCode.UNSET)
