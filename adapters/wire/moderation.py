"""OpenAI's moderations: requests read into contents, judgements written as answers.

https://platform.openai.com/docs/api-reference/moderations
"""

import secrets
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

from adapters.safety.contract import CATEGORIES, Content, Judgement, Part
from adapters.wire.body import Body, parse
from adapters.wire.errors import BadRequest
from config.safety import MODERATION_MODELS

INPUTS_MAX = 1_024
CHARACTERS_MAX = 1_048_576
"""Of all texts of one request that a check is given."""
_IMAGE_SCHEMES = ("https://", "http://", "data:image/")
_SEES = frozenset({"self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "violence", "violence/graphic"})
"""The categories that OpenAI has for images; the others are of text alone."""


class _ImageUrl(Struct):
    url: str


class _TextPart(Struct, tag="text"):
    text: str


class _ImagePart(Struct, tag="image_url"):
    image_url: _ImageUrl


_Parts: TypeAlias = list[_TextPart | _ImagePart]
_texts = msgspec.json.Decoder(list[str])
_parts = msgspec.json.Decoder(_Parts)
_text = msgspec.json.Decoder(str)

parse_moderation = partial(parse, default_model=Raw(msgspec.json.encode(MODERATION_MODELS[0])))
"""A moderation request, whose model may be left out. Raises BadRequest."""


def contents_of(body: Body) -> list[Content]:
    """What a request asks about: a content for each string, or one for all parts together.

    Raises BadRequest on an input that is none, and on more than `INPUTS_MAX` of them or `CHARACTERS_MAX` in them.
    """
    written = body.fields.get("input")
    if written is None:
        raise BadRequest("You must provide an 'input'.", param="input", code="missing_required_parameter")
    contents = _read(bytes(written))
    if not contents:
        raise BadRequest("Invalid 'input': an empty array; send at least one.", param="input", code="empty_array")
    size = sum(len(text) for content in contents for text in content.texts)
    if size > CHARACTERS_MAX:
        raise BadRequest(
            f"Invalid 'input': {size:,} characters; one request may have {CHARACTERS_MAX:,}.",
            param="input",
            code="string_above_max_length",
        )
    return contents


def _read(written: bytes) -> list[Content]:
    if written[:1] == b'"':
        return [Content((_decoded(_text, written),))]
    if written[:1] != b"[":
        raise _wrong("expected a string, an array of strings, or an array of text and image parts")
    first = written[1:].lstrip()[:1]
    if first == b"{":
        parts: _Parts = _decoded(_parts, written)
        _bound(len(parts))
        return [_together(parts)]
    texts: list[str] = _decoded(_texts, written)
    _bound(len(texts))
    return [Content((text,)) for text in texts]


def _together(parts: _Parts) -> Content:
    images = tuple(part.image_url.url for part in parts if isinstance(part, _ImagePart))
    for url in images:
        if not url.lower().startswith(_IMAGE_SCHEMES):
            raise BadRequest(
                "An 'image_url' must be an http, https or data URL of an image.", param="input", code="invalid_value"
            )
    return Content(tuple(part.text for part in parts if isinstance(part, _TextPart)), images)


def _bound(count: int) -> None:
    if count > INPUTS_MAX:
        raise BadRequest(
            f"Invalid 'input': {count} items; one request may have {INPUTS_MAX}.",
            param="input",
            code="array_above_max_length",
        )


def _decoded(decoder: msgspec.json.Decoder[Any], written: bytes) -> Any:
    try:
        return decoder.decode(written)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _wrong(str(error)) from None


def _wrong(problem: str) -> BadRequest:
    return BadRequest(f"Invalid 'input': {problem}.", param="input", code="invalid_type")


def write_answer(model: str, contents: Iterable[Content], judgements: Iterable[Judgement]) -> bytes:
    """The answer of a check to contents that it judged; what only it can find stands beside OpenAI's categories."""
    results = [_result(content, judgement) for content, judgement in zip(contents, judgements, strict=True)]
    return msgspec.json.encode({"id": f"modr-{secrets.token_hex(12)}", "model": model, "results": results})


def _result(content: Content, judgement: Judgement) -> dict[str, Any]:
    own = sorted((judgement.found | judgement.scores.keys()) - set(CATEGORIES))
    names = (*CATEGORIES, *own)
    return {
        "flagged": judgement.flagged,
        "categories": {name: name in judgement.found for name in names},
        "category_scores": {name: float(judgement.scores.get(name, 0)) for name in names},
        "category_applied_input_types": {name: _applied(name, content, judgement) for name in names},
    }


def _applied(name: str, content: Content, judgement: Judgement) -> Sequence[Part]:
    usual: tuple[Part, ...] = ("text",) if content.texts else ()
    applied = judgement.applied.get(name, usual)
    return applied if name in _SEES else [part for part in applied if part == "text"]


class _Result(Struct):
    categories: dict[str, bool | None] = {}
    category_scores: dict[str, float | None] = {}
    category_applied_input_types: dict[str, tuple[Part, ...]] = {}
    flagged: bool = False


class _Answer(Struct):
    results: list[_Result]


_answer = msgspec.json.Decoder(_Answer)


def read_answer(raw: bytes) -> list[Judgement]:
    """What somebody else's answer says. Raises ValueError on one that is none."""
    return [
        Judgement(
            result.flagged,
            {name: min(1.0, max(0.0, score)) for name, score in result.category_scores.items() if score is not None},
            frozenset(name for name, found in result.categories.items() if found),
            result.category_applied_input_types,
        )
        for result in _answer.decode(raw).results
    ]


def write_request(model: str, contents: Sequence[Content]) -> bytes:
    """A request about texts, or about one content that has parts."""
    if all(len(content.texts) == 1 and not content.images for content in contents):
        return msgspec.json.encode({"model": model, "input": [content.texts[0] for content in contents]})
    (content,) = contents
    parts: list[dict[str, Any]] = [{"type": "text", "text": text} for text in content.texts]
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in content.images]
    return msgspec.json.encode({"model": model, "input": parts})
