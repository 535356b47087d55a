import base64
import json
import struct
from typing import Any

import pytest

from adapters.inference.ollama import ADAPTER
from adapters.wire.errors import BadRequest, UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.ollama.service import judged_embeddings, target
from tests.adapters.inference.targets import request
from tests.recordings import Recording, params

EMBEDDINGS = ADAPTER.codecs["embeddings"]


def sent(**fields: Any) -> dict[str, Any]:
    encoded = EMBEDDINGS.encode(request(**fields), target())
    assert encoded.dropped == ()
    return judged_embeddings(encoded.body)


def test_texts_go_along() -> None:
    assert sent(input="a") == {"model": "qwen3:0.6b", "input": ["a"]}
    assert sent(input=["a", "b"], dimensions=64, encoding_format="base64") == {
        "model": "qwen3:0.6b",
        "input": ["a", "b"],
        "dimensions": 64,
    }


def test_ollamas_own_fields_go_along() -> None:
    own = {"keep_alive": "1m", "truncate": False}
    assert sent(input="a", **own, options={"num_ctx": 9}, ollama={"options": {"seed": 1}}) == {
        "model": "qwen3:0.6b",
        "input": ["a"],
        **own,
        "options": {"num_ctx": 9, "seed": 1},
    }


def test_what_ollama_does_not_have_is_told_of() -> None:
    assert EMBEDDINGS.encode(request(input="a", user="me", x=1), target()).dropped == ("user=unsupported", "x=unknown")


@pytest.mark.parametrize("name", ["input", "model"])
def test_extras_do_not_set_what_the_gateway_decides(name: str) -> None:
    with pytest.raises(BadRequest, match="can't be set"):
        EMBEDDINGS.encode(request(input="a", ollama={name: "b"}), target())


def test_token_ids_are_refused() -> None:
    with pytest.raises(BadRequest, match="text only"):
        EMBEDDINGS.encode(request(input=[[1, 2]]), target())


@pytest.mark.parametrize("recording", params(providers=["ollama"], operations=["embeddings"]))
def test_recorded_vectors_come_in_their_order(recording: Recording) -> None:
    told: dict[str, Any] = {"embeddings": [recording.answer.get("embedding")], **recording.answer}
    answer = EMBEDDINGS.decode(json.dumps(told).encode(), target(), request())
    count = told.get("prompt_eval_count")
    assert [each["embedding"] for each in json.loads(answer.body)["data"]] == told["embeddings"]
    assert answer.usage == (Usage(count) if count else None)


def test_vectors_are_packed_where_that_was_asked_for() -> None:
    answer = EMBEDDINGS.decode(b'{"embeddings":[[0.5,-2]]}', target(), request(encoding_format="base64"))
    assert json.loads(answer.body)["data"][0]["embedding"] == base64.b64encode(struct.pack("<2f", 0.5, -2)).decode()


@pytest.mark.parametrize("raw", [b"{}", b"[]", b"<html>"])
def test_an_answer_without_vectors_is_an_error(raw: bytes) -> None:
    with pytest.raises(UpstreamError, match="no embeddings"):
        EMBEDDINGS.decode(raw, target(), request())
