import base64
import json
import struct
from typing import Any

import pytest

from adapters.inference.contract import Answer
from adapters.inference.openai.embeddings import decode_embeddings, encode_embeddings
from adapters.wire.errors import BadRequest, UnsupportedParameter, UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request, target
from tests.recordings import Recording, params

NUMBERS = (
    b'{"object":"list","data":[{"index":0,"embedding":[0.5,-2]}],"usage":{"prompt_tokens":3,"total_tokens":3},"own":1}'
)


def sent(body: bytes) -> Any:
    return json.loads(body)


def test_embeddings_are_adapted_like_other_requests() -> None:
    encoded = encode_embeddings(request(input="text", user="me"), target(unsupported=["user"]))
    assert sent(encoded.body) == {"model": "upstream-model", "input": "text"}
    assert encoded.dropped == ("user=unsupported",)


@pytest.mark.parametrize("inputs", [[1, 2], [[1, 2], [3]]])
def test_token_ids_are_refused_where_the_provider_takes_text_only(inputs: list[Any]) -> None:
    with pytest.raises(BadRequest, match="takes text only") as caught:
        encode_embeddings(request(input=inputs), target(embeddings={"token_input": False}))
    assert caught.value.param == "input"


def test_text_passes_where_token_ids_do_not() -> None:
    encoded = encode_embeddings(request(input=["a"] * 5_000), target(embeddings={"token_input": False}))
    assert len(sent(encoded.body)["input"]) == 5_000


def test_an_input_of_a_wrong_type_is_refused_by_name() -> None:
    with pytest.raises(BadRequest, match="Invalid 'input'") as caught:
        encode_embeddings(request(input={"text": "a"}), target(embeddings={"token_input": False}))
    assert caught.value.param == "input"


@pytest.mark.parametrize("on_unsupported", ["report", "refuse"])
def test_vectors_of_another_length_are_refused_where_there_are_none(on_unsupported: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        encode_embeddings(
            request(input="a", dimensions=8), target(unsupported=["dimensions"], on_unsupported=on_unsupported)
        )
    assert caught.value.param == "dimensions"


def test_a_null_for_dimensions_asks_for_nothing() -> None:
    encoded = encode_embeddings(request(input="a", dimensions=None), target(unsupported=["dimensions"]))
    assert sent(encoded.body) == {"model": "upstream-model", "input": "a"}


def test_a_provider_that_knows_no_encoding_is_not_sent_one_and_nothing_is_lost() -> None:
    settings = target(unsupported=["encoding_format"], on_unsupported="refuse")
    encoded = encode_embeddings(request(input="a", encoding_format="base64"), settings)
    assert sent(encoded.body) == {"model": "upstream-model", "input": "a"}
    assert encoded.dropped == ()


@pytest.mark.parametrize("spaced", [False, True])
def test_numbers_become_base64_where_the_client_asked_for_it(spaced: bool) -> None:
    raw = json.dumps(json.loads(NUMBERS)).encode() if spaced else NUMBERS
    answer = decode_embeddings(raw, target(), request(input="a", encoding_format="base64"))
    told = json.loads(answer.body)
    assert struct.unpack("<2f", base64.b64decode(told["data"][0]["embedding"])) == (0.5, -2.0)
    assert (told["own"], told["data"][0]["index"], answer.usage) == (1, 0, Usage(3))


@pytest.mark.parametrize("fields", [{}, {"encoding_format": "float"}])
def test_numbers_stay_byte_for_byte_otherwise(fields: dict[str, Any]) -> None:
    assert decode_embeddings(NUMBERS, target(), request(input="a", **fields)).body == NUMBERS


@pytest.mark.parametrize(
    "raw", [b'{"data":[{"embedding":"AAAA"}]}', b'{"data":"x","a":{"embedding":[1]}}', b'{"embedding":[1]}']
)
def test_what_is_base64_already_or_no_list_of_vectors_stays_as_it_is(raw: bytes) -> None:
    assert decode_embeddings(raw, target(), request(input="a", encoding_format="base64")).body == raw


def test_some_vectors_may_be_packed_and_others_not() -> None:
    raw = b'{"data":[{"embedding":"AAAAAA=="},{"index":1},{"embedding":[0]}]}'
    told = json.loads(decode_embeddings(raw, target(), request(input="a", encoding_format="base64")).body)
    assert [item.get("embedding") for item in told["data"]] == ["AAAAAA==", None, "AAAAAA=="]


def test_a_vector_that_is_none_is_the_providers_fault() -> None:
    with pytest.raises(UpstreamError, match="no list of numbers"):
        decode_embeddings(b'{"data":[{"embedding":["x"]}]}', target(), request(input="a", encoding_format="base64"))


@pytest.mark.parametrize("recording", params(providers=["voyage"], operations=["embeddings"]))
def test_the_total_is_usage_where_nothing_else_is_told(recording: Recording) -> None:
    answer = decode_embeddings(recording.body, target(), request(input="text"))
    assert answer == Answer(recording.body, Usage(recording.answer["usage"]["total_tokens"]))
