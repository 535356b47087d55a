"""Answers with recorded traffic."""

import json

from tests.recordings import Recording
from tests.upstream.script import Step, event_stream, whole


def replay(recording: Recording) -> tuple[Step, ...]:
    """The recorded answer, a stream in the pieces in which it reached the recorder."""
    if recording.streamed:
        pieces = list(recording.as_received())
        return event_stream(*pieces)
    body = recording.answer if isinstance(recording.answer, str) else json.dumps(recording.answer)
    headers = [
        (name.decode(), value.decode())
        for name, value in recording.headers
        if name not in (b"content-type", b"content-length", b"transfer-encoding", b"content-encoding")
    ]
    return whole(recording.status or 200, body.encode(), *headers)
