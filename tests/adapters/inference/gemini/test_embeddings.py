"""Embeddings through batchEmbedContents."""

import base64
import json
import struct
from typing import Any

import pytest

from adapters.inference.gemini import ADAPTER
from adapters.inference.gemini.embeddings import FIELDS
from adapters.wire.errors import BadRequest, UpstreamError
from tests.adapters.inference.gemini.exchanges import aim, recorded
from tests.adapters.inference.targets import request
from tests.recordings import Recording

EMBED = ADAPTER.codecs["embeddings"]


def sent(model: str = "gemini-embedding-001", **fields: Any) -> list[dict[str, Any]]:
    body: dict[str, Any] = json.loads(EMBED.encode(request(**fields), aim(model=model)).body)
    made: list[dict[str, Any]] = body["requests"]
    return made


@pytest.mark.parametrize("recording", recorded("embeddings", only=lambda each: each.provider == "gemini"))
def test_a_request_is_what_a_recorded_client_sent(recording: Recording) -> None:
    target = aim(recording)
    assert json.loads(EMBED.encode(request(input="Some text goes here"), target).body) == recording.request
    assert EMBED.url(target, request(input="Some text goes here")) == recording.url


def test_every_text_is_a_request() -> None:
    assert [each["content"] for each in sent(input=["a", "b"])] == [
        {"parts": [{"text": "a"}]},
        {"parts": [{"text": "b"}]},
    ]


def test_a_tuned_model_is_named_as_it_is() -> None:
    assert sent("tunedModels/mine", input="a")[0]["model"] == "tunedModels/mine"


def test_what_is_asked_of_the_vectors_stands_in_each_request() -> None:
    (first, second) = sent(input=["a", "b"], dimensions=8, task_type="RETRIEVAL_QUERY", gemini={"title": "t"})
    same = {
        "outputDimensionality": 8,
        "taskType": "RETRIEVAL_QUERY",
        "title": "t",
        "model": "models/gemini-embedding-001",
    }
    assert first == same | {"content": {"parts": [{"text": "a"}]}}
    assert second == same | {"content": {"parts": [{"text": "b"}]}}


def test_token_ids_are_refused() -> None:
    with pytest.raises(BadRequest, match="token ids"):
        sent(input=[1, 2])


def test_what_cannot_go_along_is_reported() -> None:
    target = aim(unsupported=["dimensions"])
    encoded = EMBED.encode(request(input="a", user="me", dimensions=8, vertex={}), target)
    assert encoded.dropped == ("dimensions=unsupported", "user=unsupported", "vertex=other-dialect")


def test_vectors_come_as_base64_where_the_client_asks() -> None:
    answer = EMBED.decode(
        b'{"embeddings": [{"values": [0.5, 1]}]}', aim(), request(input="a", encoding_format="base64")
    )
    (only,) = json.loads(answer.body)["data"]
    assert struct.unpack("<2f", base64.b64decode(only["embedding"])) == (0.5, 1.0)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"embeddings": [{}]}'])
def test_an_answer_without_vectors_is_an_error(raw: bytes) -> None:
    with pytest.raises(UpstreamError, match="no embeddings"):
        EMBED.decode(raw, aim(), request(input="a"))


def test_the_table_of_fields_is_that_of_the_codec() -> None:
    assert EMBED.fields is FIELDS
