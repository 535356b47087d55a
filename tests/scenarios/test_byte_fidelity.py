"""What the gateway has no business with passes byte for byte, both ways."""

import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import RawClient
from tests.upstream import Request, Upstream, event_stream, frame, whole

OWNED = {"model", "stream", "stream_options"}
PACED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
spaces = st.sampled_from(["", " ", "\n  ", "\t"])


@st.composite
def members(draw: st.DrawFn) -> dict[str, str]:
    """Names and values as somebody wrote them: any spacing inside, escapes or plain text, numbers in any form."""
    names = st.text(min_size=1).filter(lambda name: name not in OWNED)
    written = {}
    for name, value in draw(st.dictionaries(names, values, max_size=5)).items():
        space = draw(spaces)
        separators = (f"{draw(spaces)},{space}", f"{space}:{draw(spaces)}")
        text = json.dumps(value, ensure_ascii=draw(st.booleans()), separators=separators)
        written[name] = text.encode("utf-8", "replace").decode()
    numbers = st.sampled_from(["1.0", "1e2", "-0", "1E+5", "0.10", "12345678901234567890123", "1.7976931348623157e308"])
    written["x_number"] = draw(numbers)
    return written


def as_object(fields: dict[str, str]) -> bytes:
    """JSON with each value as it is written."""
    return ("{" + ",".join(f"{_name(name)}:{value}" for name, value in fields.items()) + "}").encode()


def _name(name: str) -> str:
    return json.dumps(name, ensure_ascii=True)


def raw_members(body: bytes) -> dict[str, bytes]:
    """Each member of an object as its own bytes: a reader of our own, that has nothing to do with the gateway's."""
    text = body.decode()
    decoder = json.JSONDecoder(strict=False)
    found: dict[str, bytes] = {}
    position = 1
    while text[position] != "}":
        name, position = decoder.raw_decode(text, _skip(text, position))
        position = _skip(text, _skip(text, position) + 1)
        _, end = decoder.raw_decode(text, position)
        found[name] = text[position:end].encode()
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def _skip(text: str, position: int) -> int:
    while text[position] in " \t\r\n":
        position += 1
    return position


@PACED
@given(fields=members())
@example(fields={"x": '"\\u0041\\/\\ud83e\\udd8a"', "y": "[ 1 ,2 ]"})
def test_every_member_reaches_the_upstream_as_it_was_written(
    gateway: GatewayProcess, upstream: Upstream, fields: dict[str, str]
) -> None:
    case = upstream.on(whole(200, b"{}"))
    body = as_object({"model": json.dumps(case.model), **fields})
    with RawClient(gateway.port) as client:
        client.post(body)
        assert client.answer().status == 200
    got = raw_members(case.request().body)
    assert json.loads(got.pop("model")) == case.name
    assert got == {name: value.encode() for name, value in fields.items()}


@PACED
@given(fields=members(), stream=st.booleans())
def test_every_answer_comes_back_as_it_was_written(
    gateway: GatewayProcess, upstream: Upstream, fields: dict[str, str], stream: bool
) -> None:
    for told in ("error", "usage"):
        fields.pop(told, None)
    answer = as_object({"id": '"x"', "choices": "[{}]", **fields})
    data = answer.replace(b"\n", b" ").replace(b"\r", b" ")
    frames = b"data: " + data + b"\n\n" + frame("[DONE]")
    case = upstream.on(event_stream(frames) if stream else whole(200, answer))
    asked: dict[str, Any] = {"model": case.model, "messages": []}
    if stream:
        asked["stream"] = True
    with RawClient(gateway.port) as client:
        client.post(asked)
        assert client.answer().body == (frames if stream else answer)


def test_a_body_whose_model_has_the_same_name_is_sent_untouched(gateway: GatewayProcess, upstream: Upstream) -> None:
    """The order of the members stays, and so does everything in them."""

    def repeat(request: Request) -> Any:
        return whole(200, json.dumps({"sent": request.body.decode()}).encode())

    case = upstream.on(repeat)
    body = b'{"z": 1.00, "model": "%b", "messages": [ {"content": "\\u00e9", "role": "user"} ], "a": {}}'
    with RawClient(gateway.port) as client:
        client.post(body % case.model.encode())
        sent = client.answer().json["sent"]
    got = raw_members(sent.encode())
    assert list(got) == ["z", "model", "messages", "a"]
    assert got["z"] == b"1.00"
    assert got["messages"] == b'[ {"content": "\\u00e9", "role": "user"} ]'
