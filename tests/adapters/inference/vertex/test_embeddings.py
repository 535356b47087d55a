"""Embeddings on Vertex AI, by either of its methods."""

import json
from typing import Any

import pytest

from adapters.inference.vertex import ADAPTER
from adapters.wire.errors import BadRequest, UpstreamError
from adapters.wire.usage import Usage
from tests.adapters.inference.targets import request
from tests.adapters.inference.vertex.test_urls import target
from tests.recordings import Recording, params

EMBED = ADAPTER.codecs["embeddings"]
GEMINI, OTHER = target("gemini-embedding-2"), target("text-embedding-005", embeddings={"max_inputs": 250})


def sent(aimed: Any, **asked: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(EMBED.encode(request(**asked), aimed).body)
    return body


RECORDED = [
    each
    for each in params(providers=["vertex"], operations=["embeddings"])
    if each.values[0] is None or each.values[0].request is not None
]


@pytest.mark.parametrize("recording", RECORDED)
def test_a_request_is_what_a_recorded_client_sent(recording: Recording) -> None:
    """But that a text which is too long is refused; and that the Gemini family is no longer asked by predict."""
    model = (recording.url or "").partition("/models/")[2].partition(":")[0]
    recorded = recording.request
    if "instances" in recorded:
        (instance,) = recorded["instances"]
        asked = {"input": instance["content"], "task_type": instance.get("task_type")}
    else:
        asked = {"input": recorded["content"]["parts"][0]["text"]}
    made = sent(target(model.replace("gemini-embedding-001", "text-embedding-005")), **asked)
    made.pop("parameters", None)
    made.pop("embedContentConfig", None)
    assert made == recorded


def test_texts_for_the_gemini_family_are_contents() -> None:
    config = {"autoTruncate": False, "outputDimensionality": 8, "taskType": "CLUSTERING", "title": "t"}
    asked = {"dimensions": 8, "task_type": "CLUSTERING", "title": "t"}
    one, two = ({"content": {"parts": [{"text": each}]}, "embedContentConfig": config} for each in "ab")
    assert sent(GEMINI, input="a", **asked) == one
    assert sent(GEMINI, input=["a", "b"], **asked) == {"requests": [one, two]}


def test_texts_for_other_models_are_instances() -> None:
    assert sent(OTHER, input=["a", "b"], dimensions=8, task_type="CLUSTERING", title="t") == {
        "instances": [{"content": each, "task_type": "CLUSTERING", "title": "t"} for each in "ab"],
        "parameters": {"autoTruncate": False, "outputDimensionality": 8},
    }


def test_a_client_may_have_texts_cut() -> None:
    assert sent(OTHER, input="a", vertex={"parameters": {"autoTruncate": True}})["parameters"] == {"autoTruncate": True}
    extras = {"embed_content_config": {"autoTruncate": True}}
    assert sent(GEMINI, input="a", vertex=extras)["embedContentConfig"] == {"autoTruncate": True}


def test_extras_do_not_change_what_is_embedded() -> None:
    with pytest.raises(BadRequest, match="instances"):
        sent(OTHER, input="a", vertex={"instances": []})


def test_what_cannot_go_along_is_reported() -> None:
    encoded = EMBED.encode(request(input="a", user="me", gemini={}), OTHER)
    assert encoded.dropped == ("user=unsupported", "gemini=other-dialect")


def test_a_request_takes_as_many_texts_as_the_model_does() -> None:
    assert (EMBED.most_inputs(GEMINI), EMBED.most_inputs(OTHER)) == (100, 250)


def test_tokens_are_those_of_all_texts() -> None:
    vector = {"embeddings": {"values": [1], "statistics": {"token_count": 3.0}}}
    raw = json.dumps({"predictions": [vector, vector, {"embeddings": {"values": [2]}}]}).encode()
    answer = EMBED.decode(raw, OTHER, request(input=["a", "b", "c"]))
    assert answer.usage == Usage(6)
    assert [each["embedding"] for each in json.loads(answer.body)["data"]] == [[1], [1], [2]]


def test_usage_that_nobody_tells_is_none() -> None:
    assert EMBED.decode(b'{"predictions": [{"embeddings": {"values": [1]}}]}', OTHER, request(input="a")).usage is None


@pytest.mark.parametrize("aimed", [GEMINI, OTHER])
def test_an_answer_without_vectors_is_an_error(aimed: Any) -> None:
    with pytest.raises(UpstreamError, match="no embeddings"):
        EMBED.decode(b"[]", aimed, request(input="a"))
