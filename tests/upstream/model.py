"""The scripted model: what it answers to any request that no script is for, in OpenAI's own dialect.

https://platform.openai.com/docs/api-reference. A model named `error-429` answers with that status, `slow` answers
after a second, `silent` never does.
"""

import base64
import hashlib
import json
import re
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tests.upstream.chat import chat, completion
from tests.upstream.script import Hang, Pause, Step, json_answer

if TYPE_CHECKING:
    from tests.upstream.server import Request

MODELS = ("talker", "embedder")
DIMENSIONS = 16
RATE_LIMITS = (
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-reset-requests", "6ms"),
    ("x-request-id", "upstream-request-1"),
)
_ERROR = re.compile(r"error-(\d{3})")
_TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "invalid_request_error",
    404: "invalid_request_error",
    429: "rate_limit_exceeded",
}
_SLOW_SECONDS = 1.0


def answer(request: "Request") -> Iterable[Step]:
    """The steps that answer a request."""
    path = request.line.split(" ")[1].partition("?")[0]
    if path.endswith("/models"):
        listed = [{"id": name, "object": "model", "created": 1, "owned_by": "tests"} for name in MODELS]
        return json_answer({"object": "list", "data": listed})
    asked = request.json
    name = str(asked.get("model"))
    if error := _ERROR.fullmatch(name):
        return refusal(int(error[1]))
    if name == "silent":
        return (Hang(),)
    before = (Pause(_SLOW_SECONDS),) if name == "slow" else ()
    return (*before, *_serve(path, asked))


def refusal(status: int) -> Iterable[Step]:
    """An error as OpenAI writes one."""
    headers = [*RATE_LIMITS, *((("retry-after", "7"),) if status in (429, 503) else ())]
    return json_answer(error_body(status), *headers, status=status)


def error_body(status: int) -> dict[str, Any]:
    """Its body."""
    return {
        "error": {
            "message": f"The scripted model refuses with {status}.",
            "type": _TYPES.get(status, "server_error"),
            "param": None,
            "code": f"scripted_{status}",
        }
    }


def _serve(path: str, asked: dict[str, Any]) -> Iterable[Step]:
    if path.endswith("/chat/completions"):
        return chat(asked, RATE_LIMITS)
    if path.endswith("/completions"):
        return completion(asked, RATE_LIMITS)
    if path.endswith("/embeddings"):
        return _embeddings(asked)
    if path.endswith("/rerank"):
        return _rerank(asked)
    return refusal(404)


def _embeddings(asked: dict[str, Any]) -> Iterable[Step]:
    inputs = asked["input"]
    texts = inputs if isinstance(inputs, list) and not (inputs and isinstance(inputs[0], int)) else [inputs]
    vectors = [vector(json.dumps(text), asked.get("dimensions") or DIMENSIONS) for text in texts]
    as_base64 = asked.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(each) if as_base64 else each}
        for index, each in enumerate(vectors)
    ]
    tokens = sum(len(str(text).split()) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json_answer({"object": "list", "data": data, "model": asked["model"], "usage": usage}, *RATE_LIMITS)


def _rerank(asked: dict[str, Any]) -> Iterable[Step]:
    texts = [text if isinstance(text, str) else text["text"] for text in asked["documents"]]
    tokens = sum(len(text.split()) for text in (asked["query"], *texts))
    told = {
        "id": "rerank-1",
        "model": asked["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "results": ranked(asked["query"], texts)[: asked.get("top_n")],
    }
    return json_answer(told, *RATE_LIMITS)


def ranked(query: str, texts: list[str]) -> list[dict[str, Any]]:
    """Texts by the share of the query's words that they have, in the form that Jina and vLLM give it."""
    words = set(query.casefold().split())
    scores = [len(words & set(text.casefold().split())) / len(words) for text in texts]
    places = sorted(range(len(texts)), key=scores.__getitem__, reverse=True)
    return [{"index": place, "document": {"text": texts[place]}, "relevance_score": scores[place]} for place in places]


def vector(text: str, dimensions: int) -> list[float]:
    """The vector of a text: always the same one, exact in 32 bits."""
    digest = hashlib.shake_256(text.encode()).digest(dimensions)
    return [(byte - 128) / 128 for byte in digest]


def _packed(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
