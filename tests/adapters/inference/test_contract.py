import json

from adapters.inference import registry
from adapters.wire.errors import UpstreamError


def test_a_fault_after_a_streams_first_bytes_is_an_event_in_openais_shape() -> None:
    frame = registry.find("openai").codecs["chat"].stream_error(UpstreamError("It broke.", code="gone"))
    assert frame.startswith(b"data: ")
    assert frame.endswith(b"\n\n")
    assert json.loads(frame.removeprefix(b"data: ")) == {
        "error": {"message": "It broke.", "type": "upstream_error", "param": None, "code": "gone"}
    }
