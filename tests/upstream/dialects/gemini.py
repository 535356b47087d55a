"""Google's Gemini API.

https://ai.google.dev/api
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from google.genai import types
from google.genai._common import BaseModel
from pydantic import ValidationError

from tests.upstream.dialects.asked import KEY
from tests.upstream.dialects.google import asked_refusal, generate, refusal
from tests.upstream.model import DIMENSIONS, vector
from tests.upstream.script import Step, json_answer

if TYPE_CHECKING:
    from tests.upstream.server import Request

_PATH = re.compile(r"/gemini[\w-]*/v1beta/models/([\w.-]+):(\w+)(\?alt=sse)?")
_MOST_INPUTS = 100


class _EmbedContentRequest(BaseModel):
    """https://ai.google.dev/api/embeddings#EmbedContentRequest."""

    model: str
    content: types.Content
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: int | None = None


class _BatchEmbedContentsRequest(BaseModel):
    requests: list[_EmbedContentRequest]


def answer(request: "Request") -> Iterable[Step]:
    """Answer as the service would."""
    if request.header("x-goog-api-key") != KEY:
        reason = {"type": "ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
        return refusal(400, "API key not valid. Please pass a valid API key.", reason)
    located = _PATH.fullmatch(request.line.split(" ")[1])
    assert located, request.line
    model, method, alt = located.groups()
    match method, alt:
        case "generateContent", None:
            return generate(request.json, model, stream=False, gives_ids=True)
        case "streamGenerateContent", "?alt=sse":
            return generate(request.json, model, stream=True, gives_ids=True)
    assert method == "batchEmbedContents", method
    return asked_refusal(model) or _embed(request.json, model)


def _embed(told: dict[str, Any], model: str) -> Iterable[Step]:
    try:
        _BatchEmbedContentsRequest.model_validate(told)
    except ValidationError as error:
        return refusal(400, str(error))
    if len(told["requests"]) > _MOST_INPUTS:
        return refusal(400, "BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch")
    if any(each["model"] != f"models/{model}" for each in told["requests"]):
        return refusal(400, "model must be that of the URL")
    vectors = [
        vector(each["content"]["parts"][0]["text"], each.get("outputDimensionality") or DIMENSIONS)
        for each in told["requests"]
    ]
    return json_answer({"embeddings": [{"values": each} for each in vectors]})
