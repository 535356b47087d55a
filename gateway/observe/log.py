"""Log lines, as text or as JSON: one a request where asked for, never a prompt, never a key."""

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from gateway.call import Call
from gateway.cost import cost_of

log = logging.getLogger("isthmus.request")

_MODEL_MAX = 128
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Fields:
    """A message that is data: an object of its own in JSON, which text lines have as it is."""

    __slots__ = ("fields",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields

    def __str__(self) -> str:
        return msgspec.json.encode(self.fields).decode()


class JsonFormatter(logging.Formatter):
    """Every line one JSON object, whatever its message holds."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as a line."""
        moment = time.gmtime(record.created)
        line: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', moment)}.{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
        }
        if isinstance(record.msg, Fields):
            line |= {"message": record.msg.fields.get("event", ""), **record.msg.fields}
        else:
            line["message"] = record.getMessage()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure(form: Literal["text", "json"] = "text", level: str = "INFO") -> None:
    """Send the gateway's log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else logging.Formatter(_TEXT))
    root = logging.getLogger("isthmus")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False


def log_request(call: Call) -> None:
    """A sink of calls: what was asked of whom, how it ended, how long it took."""
    log.info(Fields(_told(call)))


def _cost(call: Call) -> float | None:
    """What its attempts cost; None where nobody knows."""
    nano, is_known = 0, False
    for attempt in call.attempts:
        prices = call.prices_of(attempt.target)
        if prices is not None and attempt.usage is not None:
            nano, is_known = nano + cost_of(attempt.usage, prices), True
    return nano / 1e9 if is_known else None


def _told(call: Call) -> dict[str, Any]:
    target, usage, trace = call.target, call.usage, call.trace
    last = call.attempts[-1] if call.attempts else None
    return {
        "event": "request",
        "id": call.request_id.decode("latin-1"),
        "key": call.caller.name,
        "operation": call.operation,
        "model": call.body.model[:_MODEL_MAX],
        "route": call.route.name if call.route else None,
        "provider": target.provider if target else None,
        "provider_model": target.model if target else None,
        "attempts": [f"{attempt.target.provider}:{attempt.cause}:{attempt.status}" for attempt in call.attempts],
        "cache": call.cache,
        "stream": call.body.stream,
        "status": call.status,
        "error": call.error,
        "milliseconds": round((call.ended - call.received) * 1_000, 1),
        "first_token_milliseconds": (
            round((last.first - call.received) * 1_000, 1) if last and last.first and call.body.stream else None
        ),
        "prompt_tokens": usage.prompt_tokens if usage else None,
        "completion_tokens": usage.completion_tokens if usage else None,
        "cost_usd": _cost(call),
        "trace": trace.id.decode() if trace else None,
    }
