import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.inference.openai import ADAPTER
from adapters.inference.openai.request import encode
from adapters.wire.body import parse
from adapters.wire.errors import UnsupportedParameter
from adapters.wire.fields import VENDOR_FIELDS
from tests.adapters.inference.targets import request, target

blanks = st.sampled_from(["", " ", "\n\t", "\r\n  "])
numbers = st.sampled_from(["-0", "1e400", "-1.50E-7", "12345678901234567890123", "0.1000"])
texts = st.sampled_from(
    ['""', r'"\u00e9\/\b"', r'"\ud83d\ude00"', '"é😀\u2028"', r'"\"model\":\\"', '"\x7f"', '"[DONE]"']
)
scalars = st.sampled_from(["null", "true", "false"]) | numbers | texts


def _array(items: list[str], blank: str) -> str:
    return "[" + blank + f"{blank},".join(items) + blank + "]"


def _object(items: list[tuple[str, str]], blank: str) -> str:
    return "{" + blank + ",".join(f"{json.dumps(k)}{blank}:{blank}{v}" for k, v in items) + blank + "}"


values = st.recursive(
    scalars | st.text(max_size=5).map(json.dumps),
    lambda inner: (
        st.builds(_array, st.lists(inner, max_size=3), blanks)
        | st.builds(_object, st.lists(st.tuples(st.text(max_size=3), inner), max_size=3), blanks)
    ),
    max_leaves=8,
)
names = st.text(max_size=12) | st.sampled_from(["messages", "Model", "temperature", "x-extra", "max_tokens"])


def sent(encoded: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(encoded)
    return fields


@given(st.lists(st.tuples(names, values), max_size=8, unique_by=lambda field: field[0]), st.integers(0, 8), blanks)
def test_every_field_but_the_model_goes_on_byte_for_byte_and_in_order(
    fields: list[tuple[str, str]], place: int, blank: str
) -> None:
    assume(not {"model", "stream", "stream_options"} & {name.casefold() for name, _ in fields})
    assume(VENDOR_FIELDS.isdisjoint(name for name, _ in fields))
    assume(all(_is_text(name) for name, _ in fields))
    fields.insert(place, ("model", '"route"'))
    body = parse(_object(fields, blank).encode())
    expected = [(name, '"upstream-model"' if name == "model" else value) for name, value in fields]
    assert encode(body, target()).body == b"{" + b",".join(map(_member, expected)) + b"}"


def _is_text(name: str) -> bool:
    return not any(0xD800 <= ord(char) <= 0xDFFF for char in name)


def _member(field: tuple[str, str]) -> bytes:
    return msgspec.json.encode(field[0]) + b":" + field[1].encode()


def test_the_clients_fields_are_left_as_they_are() -> None:
    body = request(max_completion_tokens=5, logprobs=True, stream=True)
    before = dict(body.fields)
    encode(body, target(rename={"max_completion_tokens": "max_tokens"}, unsupported=["logprobs"]))
    assert body.fields == before


def test_a_renamed_field_keeps_its_value_and_its_place() -> None:
    body = parse(b'{"model":"m","max_completion_tokens":1.50,"top_p":1}')
    encoded = encode(body, target(rename={"max_completion_tokens": "max_tokens"}))
    assert encoded.body == b'{"model":"upstream-model","max_tokens":1.50,"top_p":1}'
    assert encoded.dropped == ()


@pytest.mark.parametrize("raw", [b'{"model":"m","old":1,"new":2}', b'{"model":"m","new":2,"old":1}'])
def test_a_field_already_named_right_wins_over_the_renamed_one(raw: bytes) -> None:
    encoded = encode(parse(raw), target(rename={"old": "new"}))
    assert sent(encoded.body) == {"model": "upstream-model", "new": 2}
    assert encoded.dropped == ("old=shadowed",)


def test_unsupported_parameters_are_dropped_and_named() -> None:
    encoded = encode(request(logprobs=True, seed=7, user="u"), target(unsupported=["seed", "logprobs", "n"]))
    assert sent(encoded.body) == {"model": "upstream-model", "user": "u"}
    assert encoded.dropped == ("seed=unsupported", "logprobs=unsupported")


def test_unsupported_parameters_are_refused_where_the_provider_says_so() -> None:
    with pytest.raises(UnsupportedParameter, match="'seed' is not supported by the provider 'provider'") as caught:
        encode(request(seed=7), target(unsupported=["seed"], on_unsupported="refuse"))
    assert (caught.value.param, caught.value.code) == ("seed", "unsupported_parameter")


@pytest.mark.parametrize("on_unsupported", ["report", "refuse"])
def test_a_null_says_nothing_that_could_be_refused(on_unsupported: str) -> None:
    encoded = encode(request(seed=None), target(unsupported=["seed"], on_unsupported=on_unsupported))
    assert sent(encoded.body) == {"model": "upstream-model"}
    assert encoded.dropped == ()


@pytest.mark.parametrize("options", [{}, {"stream_options": None}, {"stream_options": {}}])
def test_a_stream_is_asked_for_usage(options: dict[str, Any]) -> None:
    encoded = encode(request(stream=True, **options), target())
    assert sent(encoded.body)["stream_options"] == {"include_usage": True}


def test_asking_for_usage_keeps_the_other_options_byte_for_byte() -> None:
    body = parse(b'{"model":"m","stream":true,"stream_options":{"a": 1.0,"include_usage":false,"b":"\\u0041"}}')
    encoded = encode(body, target())
    assert encoded.body.endswith(b'"stream_options":{"a":1.0,"include_usage":true,"b":"\\u0041"}}')


def test_options_of_a_client_that_asks_itself_are_left_alone() -> None:
    body = parse(b'{"model":"m","stream":true,"stream_options":{ "include_usage" : true }}')
    assert encode(body, target()).body.endswith(b'"stream_options":{ "include_usage" : true }}')


@pytest.mark.parametrize("stream_usage", ["sent", "never"])
@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, None),
        ({"stream_options": None}, None),
        ({"stream_options": {"include_usage": True}}, None),
        ({"stream_options": {"include_usage": True, "other": 1}}, {"other": 1}),
        ({"stream_options": {"other": 1}}, {"other": 1}),
    ],
)
def test_a_provider_that_takes_no_question_for_usage_is_not_asked(
    stream_usage: str, options: dict[str, Any], left: dict[str, Any] | None
) -> None:
    encoded = encode(request(stream=True, **options), target(stream_usage=stream_usage))
    assert sent(encoded.body).get("stream_options") == left
    assert encoded.dropped == ()


def test_a_unary_request_is_not_asked_for_stream_usage() -> None:
    assert "stream_options" not in sent(encode(request(stream=False), target()).body)


@pytest.mark.parametrize(
    ("operation", "path"),
    [("chat", "/chat/completions"), ("completions", "/completions"), ("embeddings", "/embeddings")],
)
@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://provider.test/v1", "http://provider.test/v1{}"),
        ("http://provider.test/v1/", "http://provider.test/v1{}"),
        ("http://provider.test", "http://provider.test{}"),
        ("http://provider.test/v1/?version=2", "http://provider.test/v1{}?version=2"),
    ],
)
def test_operations_are_served_below_the_base_url(operation: Any, path: str, base_url: str, url: str) -> None:
    codec = ADAPTER.codecs[operation]
    assert codec.url(target(base_url=base_url), request()) == url.format(path)


def test_models_are_listed_below_the_base_url() -> None:
    assert ADAPTER.models_url is not None
    assert ADAPTER.models_url(target().settings, None) == "http://provider.test/v1/models"


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        ({}, [(b"authorization", b"Bearer secret")]),
        ({"auth": "none"}, []),
        ({"auth": "header:Api-Key"}, [(b"api-key", b"secret")]),
        ({"headers": {"X-Team": "search"}}, [(b"authorization", b"Bearer secret"), (b"x-team", b"search")]),
        ({"headers": {"Authorization": "Basic abc"}}, [(b"authorization", b"Basic abc")]),
    ],
)
def test_requests_are_signed_as_the_settings_say(settings: dict[str, Any], headers: list[tuple[bytes, bytes]]) -> None:
    assert ADAPTER.sign(target(**settings), "", b"", "secret") == headers


@pytest.mark.parametrize("auth", ["bearer", "header:api-key"])
@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_no_key_is_sent(auth: str, secret: str | None) -> None:
    assert ADAPTER.sign(target(auth=auth), "", b"", secret) == []
