"""The table of fields of one provider."""

from typing import Any, get_type_hints

import pytest
from openai.types import CompletionCreateParams, EmbeddingCreateParams
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from adapters.inference.compatibility import support
from adapters.inference.openai import ADAPTER
from adapters.inference.registry import find
from adapters.wire.fields import KEPT, UNSUPPORTED, Support
from config.schema import Operation, Provider
from tests.adapters.inference.rows import row


@pytest.mark.parametrize(
    ("operation", "request_type"),
    [
        ("chat", CompletionCreateParamsStreaming),
        ("completions", CompletionCreateParams.__args__[0]),  # type: ignore[attr-defined]
        ("embeddings", EmbeddingCreateParams),
    ],
)
def test_the_dialect_keeps_every_field_of_openais_own_client(operation: Operation, request_type: Any) -> None:
    fields = support(row("openai"), ADAPTER, operation)
    assert set(get_type_hints(request_type)) | ({"stream"} if operation != "embeddings" else set()) == set(fields)
    assert set(fields.values()) == {KEPT}


def test_a_row_says_what_is_left_out_and_what_has_another_name() -> None:
    fields = support(row("mistral"), ADAPTER, "chat")
    assert fields["logit_bias"] == UNSUPPORTED
    assert fields["max_completion_tokens"] == Support("mapped", "max_tokens")
    assert fields["stream_options"].how == "emulated"
    assert fields["temperature"] == KEPT


@pytest.mark.parametrize(("knows", "how"), [("native", "kept"), ("json_object", "emulated"), ("none", "emulated")])
def test_forms_are_emulated_where_they_are_unknown(knows: Any, how: str) -> None:
    assert support(Provider(structured_outputs=knows), ADAPTER, "chat")["response_format"].how == how


@pytest.mark.parametrize(("told", "how"), [("ask", "kept"), ("sent", "emulated"), ("never", "emulated")])
def test_usage_in_streams_comes_as_the_row_says(told: Any, how: str) -> None:
    assert support(Provider(stream_usage=told), ADAPTER, "chat")["stream_options"].how == how


def test_what_a_dialect_maps_stays_so() -> None:
    ollama = find("ollama")
    fields = ollama.codecs["chat"].fields
    assert support(Provider(dialect="ollama", unsupported=["seed"]), ollama, "chat") == {**fields, "seed": UNSUPPORTED}


def test_an_operation_that_is_not_there_has_no_fields() -> None:
    assert support(Provider(operations=["chat"]), ADAPTER, "embeddings") == {}
    assert support(Provider(), ADAPTER, "messages") == {}
