"""Where Vertex AI has its models, and which key goes there."""

from typing import Any

import msgspec
import pytest

from adapters.inference.contract import Target
from adapters.inference.vertex import ADAPTER
from adapters.inference.vertex.options import VertexOptions
from adapters.wire.errors import BadRequest
from config.schema import Operation, Provider
from tests.adapters.inference.gemini.exchanges import asking
from tests.adapters.inference.targets import request
from tests.recordings import Recording, params

EU = VertexOptions(project="p", location="europe-west4")


def target(model: str = "gemini-2.5-flash", options: VertexOptions = EU, **settings: Any) -> Target:
    made = msgspec.convert({"dialect": "vertex", **settings}, Provider)
    return Target("vertex", model, msgspec.Raw(msgspec.json.encode(model)), made, options)


def url(operation: Operation, aimed: Target, **asked: object) -> str:
    return ADAPTER.codecs[operation].url(aimed, request(**asked))


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ],
)
def test_a_location_has_its_host(location: str, host: str) -> None:
    aimed = target(options=VertexOptions(project="p", location=location))
    path = f"/v1beta1/projects/p/locations/{location}/publishers/google/models/gemini-2.5-flash:generateContent"
    assert url("chat", aimed) == f"https://{host}{path}"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (
            "gemini-3-flash",
            "v1beta1/projects/p/locations/europe-west4/publishers/google/models/gemini-3-flash:generateContent",
        ),
        (
            "google/gemini-3",
            "v1beta1/projects/p/locations/europe-west4/publishers/google/models/gemini-3:generateContent",
        ),
        ("meta/llama-4", "v1beta1/projects/p/locations/europe-west4/publishers/meta/models/llama-4:generateContent"),
        ("endpoints/123", "v1beta1/projects/p/locations/europe-west4/endpoints/123:generateContent"),
        ("projects/p/locations/us/endpoints/1", "v1beta1/projects/p/locations/us/endpoints/1:generateContent"),
        ("claude-a@1", "v1/projects/p/locations/europe-west4/publishers/anthropic/models/claude-a@1:rawPredict"),
        ("anthropic/claude-a", "v1/projects/p/locations/europe-west4/publishers/anthropic/models/claude-a:rawPredict"),
    ],
)
def test_a_model_is_a_name_a_publishers_name_or_a_resource(model: str, path: str) -> None:
    assert url("chat", target(model)) == f"https://europe-west4-aiplatform.googleapis.com/{path}"


@pytest.mark.parametrize("model", ["projects/q/locations/us/endpoints/1", "projects/pp/locations/us/endpoints/1"])
def test_a_client_can_not_have_another_project_pay(model: str) -> None:
    with pytest.raises(BadRequest, match="another project"):
        url("chat", target(model))


@pytest.mark.parametrize(
    ("model", "method"), [("gemini-2.5-flash", "streamGenerateContent?alt=sse"), ("claude-a", "streamRawPredict")]
)
def test_a_stream_has_a_method_of_its_own(model: str, method: str) -> None:
    assert url("chat", target(model), stream=True).endswith(f"{model}:{method}")


def test_claude_is_asked_in_its_own_format_where_its_chats_go() -> None:
    aimed = target("claude-a")
    assert url("messages", aimed) == url("chat", aimed)


def test_tokens_are_counted_at_one_url_for_all_models() -> None:
    assert url("count_tokens", target("claude-a")).endswith(
        "/v1/projects/p/locations/europe-west4/publishers/anthropic/models/count-tokens:rawPredict"
    )


@pytest.mark.parametrize(
    ("model", "texts", "method"),
    [
        ("text-embedding-005", "a", "predict"),
        ("text-embedding-005", ["a", "b"], "predict"),
        ("gemini-embedding-001", "a", "embedContent"),
        ("gemini-embedding-2", ["a"], "embedContent"),
        ("gemini-embedding-2", ["a", "b"], "batchEmbedContents"),
    ],
)
def test_texts_go_to_the_method_that_takes_them(model: str, texts: object, method: str) -> None:
    assert url("embeddings", target(model), input=texts).endswith(f"{model}:{method}")


def test_an_api_key_needs_no_project() -> None:
    path = "/v1beta1/publishers/google/models/gemini-2.5-flash:generateContent"
    assert url("chat", target(options=VertexOptions())) == f"https://aiplatform.googleapis.com{path}"


def test_a_private_endpoint_is_a_base_url() -> None:
    aimed = target(base_url="https://vertex.lab.test/")
    assert url("chat", aimed).startswith("https://vertex.lab.test/v1beta1/projects/p/")


RECORDED = [
    each
    for streamed in (False, True)
    for each in params(providers=["vertex"], operations=["chat", "embeddings"], streamed=streamed)
    if each.values[0] is None or "googleapis.com" in (each.values[0].url or "")
]


@pytest.mark.parametrize("recording", RECORDED)
def test_a_request_goes_where_a_recorded_client_sent_it(recording: Recording) -> None:
    sent = recording.url or ""
    head, _, path = sent.partition("/projects/PROJECT/locations/")
    location, model = path.split("/")[0], path.partition("/models/")[2].partition(":")[0]
    version = head.rpartition("/")[2]
    aimed = target(model, VertexOptions(project="PROJECT", location=location, version=version))
    operation: Operation = "embeddings" if "embedding" in model else "chat"
    made = ADAPTER.codecs[operation].url(aimed, asking(stream=recording.streamed, input="a"))
    # Older clients stream without `alt=sse`, ask the host of all locations for those of a region, and embed by predict.
    same = made.replace(f"https://{location}-", "https://").removesuffix("?alt=sse")
    if model == "gemini-embedding-001":
        same = same.replace("embedContent", "predict")
    assert same == sent.replace(f"https://{location}-", "https://").removesuffix("?alt=sse")


TOKEN = "token-0123456789"


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({}, (b"authorization", b"Bearer token-0123456789")),
        ({"auth": "header:x-goog-api-key"}, (b"authorization", b"Bearer token-0123456789")),
        ({"api_key": TOKEN}, (b"authorization", b"Bearer token-0123456789")),
        ({"api_key": TOKEN, "auth": "header:x-goog-api-key"}, (b"x-goog-api-key", b"token-0123456789")),
    ],
)
def test_a_token_that_was_lent_is_a_bearer_token(settings: dict[str, Any], header: tuple[bytes, bytes]) -> None:
    assert ADAPTER.sign(target(**settings), "", b"", TOKEN) == [header]


def test_without_a_secret_nothing_is_signed() -> None:
    assert ADAPTER.sign(target(auth="none"), "", b"", None) == []
