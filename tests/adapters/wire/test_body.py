"""Reading a request: the same objects as any strict reader, byte for byte, and nothing two readers could differ in."""

import json

import msgspec
import pytest
from hypothesis import example, given

from adapters.wire.body import Body, decode_field, parse
from adapters.wire.errors import BadRequest
from tests.adapters.wire.written import nearly_objects, strict_reading, written_objects


def refused(raw: bytes) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        parse(raw)
    return caught.value


def is_other_spelling(name: str) -> bool:
    judged = {"model", "stream", "stream_options"}
    return name not in judged and name.casefold() in judged


@given(written_objects())
def test_fields_are_the_very_bytes_and_a_key_that_stands_twice_is_refused(
    written: tuple[str, list[tuple[str, str]]],
) -> None:
    text, members = written
    names = [name for name, _ in members]
    if len(set(names)) < len(names):
        assert refused(text.encode()).code == "duplicate_key"
    elif any(map(is_other_spelling, names)):
        assert refused(text.encode()).code == "ambiguous_key"
    else:
        fields = parse(text.encode()).fields
        assert [(name, bytes(value)) for name, value in fields.items()] == [(n, v.encode()) for n, v in members]


@given(nearly_objects())
@example(b'{"model":"m","x":"\xc0\xa2"}')
@example(b'{"model":"m","x":"\xe2","model":"n","y":""}')
@example(b'{"model":"m","x":"\\ud800"}')
@example(b'{"model":"m","x":NaN}')
@example(b'\xef\xbb\xbf{"model":"m"}')
@example(b'{"model":"m"}\x00')
@example(b'{"model":"m", "x":' + b"9" * 5_000 + b"}")
def test_only_what_a_strict_reader_reads_the_same_way_is_taken(raw: bytes) -> None:
    value = strict_reading(raw)
    taken, why = outcome(raw)
    if taken is not None:
        assert {name: json.loads(bytes(one), parse_int=str) for name, one in taken.fields.items()} == value
    elif value is not None:  # JSON, but no request
        assert why in ("missing_required_parameter", "invalid_type", "invalid_value", "ambiguous_key")


def outcome(raw: bytes) -> tuple[Body | None, str | None]:
    try:
        return parse(raw), None
    except BadRequest as error:
        return None, error.code


@pytest.mark.parametrize(
    "twin",
    [
        b'{"model":"a","model":"b"}',
        b'{"model":"a", "mod\\u0065l" : "b"}',
        b'{ "\\u006d\\u006F\\u0064\\u0065\\u006c":"b",\r\n\t"model":"a"}',
        b'{"model":"a","x":{"model":"c"},"model":"b"}',
        b'{"model":"a","model":"b","\\u0001":1}',
        b'{"model":"a","":1,"":2}',
    ],
)
def test_a_model_cannot_be_named_twice(twin: bytes) -> None:
    assert refused(twin).code == "duplicate_key"


@pytest.mark.parametrize("other", ["Model", "MODEL", "mOdel", "Stream", "\N{LATIN SMALL LETTER LONG S}tream"])
def test_a_key_that_a_reader_without_case_takes_for_another_is_refused(other: str) -> None:
    error = refused(json.dumps({"model": "m", other: "n"}, ensure_ascii=False).encode())
    assert (error.code, error.param) == ("ambiguous_key", other.casefold())


def test_nested_keys_are_not_our_business() -> None:
    body = parse(b'{"model":"m","metadata":{"a":1,"a":2,"Model":"x"}}')
    assert bytes(body.fields["metadata"]) == b'{"a":1,"a":2,"Model":"x"}'


@pytest.mark.parametrize("raw", [b'{"x":' * 100_000, b'{"model":"m","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"])
def test_deep_nesting_is_refused(raw: bytes) -> None:
    assert refused(raw).code == "invalid_json"


@pytest.mark.parametrize("raw", [b"", b" \r\n\t"])
def test_no_body_is_said_to_be_missing(raw: bytes) -> None:
    assert refused(raw).code == "missing_body"


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"model"', b"null", b"true"])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    assert refused(raw).code == "invalid_type"


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("1", "invalid_type"),
        ("null", "invalid_type"),
        ('["m"]', "invalid_type"),
        ('""', "invalid_value"),
        ('"a\\r\\nset-cookie: b"', "invalid_value"),
        ('"a\\u0000"', "invalid_value"),
        (f'"{"a" * 513}"', "invalid_value"),
    ],
)
def test_a_model_is_a_short_printable_string(model: str, code: str) -> None:
    error = refused(f'{{"model":{model}}}'.encode())
    assert (error.code, error.param) == (code, "model")


def test_a_model_is_required() -> None:
    assert refused(b'{"messages":[]}').code == "missing_required_parameter"


@pytest.mark.parametrize(("written", "stream"), [("true", True), ("false", False), ("null", False)])
def test_stream_is_a_boolean_or_null(written: str, stream: bool) -> None:
    assert parse(f'{{"model":"m","stream": {written}}}'.encode()).stream is stream


@pytest.mark.parametrize("written", ["1", "0", '"true"', "[]", "{}", '"false"'])
def test_stream_of_another_type_is_refused(written: str) -> None:
    error = refused(f'{{"model":"m","stream":{written}}}'.encode())
    assert (error.code, error.param) == ("invalid_type", "stream")


@pytest.mark.parametrize("stream", ["true", "false"])
@pytest.mark.parametrize("written", ["1", "[]", '"x"', '{"include_usage":1}', '{"include_usage":"yes"}'])
def test_stream_options_of_another_type_are_refused_whether_or_not_it_streams(written: str, stream: str) -> None:
    error = refused(f'{{"model":"m","stream":{stream},"stream_options":{written}}}'.encode())
    assert (error.code, error.param) == ("invalid_type", "stream_options")


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ('"stream":true,"stream_options":{"include_usage":true,"other":[1]}', True),
        ('"stream":true,"stream_options":{"include_usage":null}', False),
        ('"stream":true,"stream_options":null', False),
        ('"stream":true', False),
        ('"stream":false,"stream_options":{"include_usage":true}', False),
    ],
)
def test_usage_is_wanted_where_a_stream_asks_for_it(extra: str, wanted: bool) -> None:
    assert parse(f'{{"model":"m",{extra}}}'.encode()).wants_usage is wanted


def test_a_field_is_decoded_as_a_type_when_somebody_asks() -> None:
    body: Body = parse(b'{"model":"m","n":2}')
    numbers = msgspec.json.Decoder(int)
    assert decode_field(body.fields, "n", numbers) == 2
    assert decode_field(body.fields, "absent", numbers) is None
    with pytest.raises(BadRequest, match="Invalid 'model'"):
        decode_field(body.fields, "model", numbers)


@pytest.mark.parametrize("name", ["..", ".", "../x", "a/..", "a/../b", "lab/./x", "gemini-x/../../projects/p"])
def test_a_name_that_leads_elsewhere_in_a_url_is_refused(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(msgspec.json.encode({"model": name}))
    assert (caught.value.param, caught.value.code) == ("model", "invalid_value")


@pytest.mark.parametrize("name", ["a..b", "v1.", ".hidden", "a/.b", "x/...", "org/model:1.5", "@cf/meta/llama"])
def test_dots_inside_a_name_lead_nowhere(name: str) -> None:
    assert parse(msgspec.json.encode({"model": name})).model == name
