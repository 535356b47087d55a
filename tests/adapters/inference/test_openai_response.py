import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.inference.openai.response import decode
from adapters.wire.errors import UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request, target

documents = st.dictionaries(
    st.text(max_size=6) | st.sampled_from(["choices", "usage", "id"]),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4),
).filter(lambda answer: "error" not in answer)


def refusal(raw: bytes, **settings: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        decode(raw, target(**settings), request())
    return caught.value


@given(documents, st.sampled_from([None, 0, 2]))
def test_the_answer_goes_back_byte_for_byte(answer: dict[str, Any], indent: int | None) -> None:
    raw = json.dumps(answer, indent=indent).encode()
    assert decode(raw, target(), request()).body == raw


def test_usage_is_read_on_the_way() -> None:
    raw = b'{"id":"1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}'
    assert decode(raw, target(), request()).usage == Usage(3, 4)


@pytest.mark.parametrize("raw", [b"{}", b'{"usage":null}', b'{"usage":"none"}', b'{"error":null,"usage":{}}'])
def test_an_answer_without_usage_tells_none(raw: bytes) -> None:
    assert decode(raw, target(), request()).usage is None


def test_half_of_a_surrogate_pair_is_no_reason_to_refuse() -> None:
    raw = rb'{"choices":[{"text":"\ud83d"}],"usage":{"prompt_tokens":3}}'
    answer = decode(raw, target(), request())
    assert (answer.body, answer.usage) == (raw, Usage(3))


@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"id":', b"[1]", b'"text"', b"7", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_the_providers_fault(raw: bytes) -> None:
    error = refusal(raw)
    assert (error.status, error.retryable) == (502, True)
    assert error.message.startswith("The provider's answer is not")


@pytest.mark.parametrize(
    ("detail", "status"),
    [
        ({"message": "slow down", "code": 429}, 429),
        ({"message": "no", "code": "403"}, 403),
        ({"message": "broken", "code": "model_crashed"}, 502),
        ({"message": "broken", "code": 200}, 502),
        ("text", 502),
    ],
)
def test_an_error_inside_an_answer_of_status_200_has_the_status_it_names(detail: Any, status: int) -> None:
    error = refusal(json.dumps({"error": detail, "choices": []}).encode())
    assert error.status == status
    assert error.message in ("slow down", "no", "broken", "text")


def test_an_error_inside_an_answer_does_not_repeat_the_key() -> None:
    raw = b'{"error":{"message":"bad key sk-12345678","type":"auth","code":401}}'
    error = refusal(raw, api_key="sk-12345678")
    assert b"sk-12345678" not in error.body()
    assert "sk-12345678" not in error.message
