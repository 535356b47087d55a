"""Log lines: one a request where asked for, never a prompt, never a key."""

import asyncio
import logging
import sys

import msgspec

from gateway.call import Call

log = logging.getLogger("isthmus.request")


def configure(level: str = "INFO") -> None:
    """Send the gateway's log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("isthmus")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False


def log_request(call: Call) -> None:
    """A sink of calls: what was asked of whom, how it ended, how long it took."""
    line = {
        "event": "request",
        "id": call.request_id.decode("latin-1"),
        "key": call.caller.name,
        "operation": call.operation,
        "model": call.body.model[:128],
        "provider": call.target.provider if call.target else None,
        "provider_model": call.target.model if call.target else None,
        "stream": call.body.stream,
        "status": call.status,
        "error": call.error,
        "milliseconds": round((asyncio.get_running_loop().time() - call.received) * 1000, 1),
        "prompt_tokens": call.usage.prompt_tokens if call.usage else None,
        "completion_tokens": call.usage.completion_tokens if call.usage else None,
    }
    log.info("%s", msgspec.json.encode(line).decode())
