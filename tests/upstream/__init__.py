"""A scripted upstream: a real HTTP/1.1 server whose every byte, pause and cut a test decides.

`script` holds the steps of an answer, `server` plays them and records what it was sent, `model` is a model that
speaks OpenAI's dialect, `replay` answers with recorded traffic.
"""

from tests.upstream.replay import replay
from tests.upstream.script import (
    Cut,
    Gate,
    Hang,
    Pause,
    Reset,
    Script,
    Step,
    Write,
    event_stream,
    frame,
    json_answer,
    whole,
)
from tests.upstream.server import Case, Request, Upstream

__all__ = [
    "Case",
    "Cut",
    "Gate",
    "Hang",
    "Pause",
    "Request",
    "Reset",
    "Script",
    "Step",
    "Upstream",
    "Write",
    "event_stream",
    "frame",
    "json_answer",
    "replay",
    "whole",
]
