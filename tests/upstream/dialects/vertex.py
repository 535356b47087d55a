"""Google Cloud's Vertex AI: Google's own models, and Anthropic's over rawPredict.

https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference and
https://docs.anthropic.com/en/api/claude-on-vertex-ai
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from google.genai._common import BaseModel
from pydantic import ValidationError

from tests.upstream.dialects import anthropic
from tests.upstream.dialects.asked import KEY
from tests.upstream.dialects.google import asked_refusal, generate, refusal
from tests.upstream.model import DIMENSIONS, vector
from tests.upstream.script import Step, json_answer

if TYPE_CHECKING:
    from tests.upstream.server import Request

_PATH = re.compile(
    r"/vertex[\w-]*/(v1\w*)/projects/lab/locations/europe-west4/publishers/(\w+)/models/([\w.-]+):(\w+)(\?alt=sse)?"
)
_MOST_INPUTS = 250


class _Instance(BaseModel):
    content: str
    task_type: str | None = None
    title: str | None = None


class _Parameters(BaseModel):
    auto_truncate: bool | None = None
    output_dimensionality: int | None = None


class _PredictRequest(BaseModel):
    instances: list[_Instance]
    parameters: _Parameters | None = None


def answer(request: "Request") -> Iterable[Step]:
    """Answer as the service would."""
    if request.header("authorization") != f"Bearer {KEY}":
        return refusal(401, "Request had invalid authentication credentials.")
    located = _PATH.fullmatch(request.line.split(" ")[1])
    assert located, request.line
    version, publisher, model, method, alt = located.groups()
    match publisher, method, alt:
        case "google", "generateContent", None:
            return generate(request.json, model, stream=False, gives_ids=False)
        case "google", "streamGenerateContent", "?alt=sse":
            return generate(request.json, model, stream=True, gives_ids=False)
        case "google", "predict", None:
            return asked_refusal(model) or _predict(request.json)
        case "anthropic", "rawPredict" | "streamRawPredict", None if version == "v1":
            return _converse(request.json, model, stream=method == "streamRawPredict")
    raise AssertionError(request.line)


def _converse(told: dict[str, Any], model: str, *, stream: bool) -> Iterable[Step]:
    if told.pop("anthropic_version", None) != "vertex-2023-10-16":
        return anthropic.refusal(400, "anthropic_version: Field required")
    if model == "count-tokens":
        return anthropic.count(told)
    if "model" in told:
        return anthropic.refusal(400, "model: Extra inputs are not permitted")
    if bool(told.get("stream")) != stream:
        return anthropic.refusal(400, "stream must be that of the URL")
    return anthropic.converse({"model": model, **told})


def _predict(told: dict[str, Any]) -> Iterable[Step]:
    try:
        asked = _PredictRequest.model_validate(told)
    except ValidationError as error:
        return refusal(400, str(error))
    if len(asked.instances) > _MOST_INPUTS:
        return refusal(400, f"{len(asked.instances)} instance(s) is more than 250")
    dimensions = (asked.parameters and asked.parameters.output_dimensionality) or DIMENSIONS
    predictions = [
        {
            "embeddings": {
                "statistics": {"truncated": False, "token_count": len(each.content.split())},
                "values": vector(each.content, dimensions),
            }
        }
        for each in asked.instances
    ]
    return json_answer({"predictions": predictions, "metadata": {"billableCharacterCount": 11}})
