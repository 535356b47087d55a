"""botocore as the judge: its model of the service says what may be sent, and its parsers what comes."""

import base64
import json
import re
from functools import cache
from typing import Any

import botocore.session
from botocore.eventstream import EventStreamBuffer
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator


@cache
def operation(name: str) -> Any:
    """An operation of the service's model."""
    return botocore.session.Session().get_service_model("bedrock-runtime").operation_model(name)


def judged(body: bytes, model: str, name: str = "Converse") -> dict[str, Any]:
    """A request as the SDK would take it; fails where the SDK would refuse it, or would send anything else."""
    sent: dict[str, Any] = json.loads(body)
    shape = operation(name).input_shape
    assert isinstance(shape, StructureShape)
    params = _taken(sent, shape, "") | {"modelId": model}
    report = ParamValidator().validate(params, shape)
    assert not report.has_errors(), report.generate_report()
    request = create_serializer("rest-json").serialize_to_request(params, operation(name))
    assert json.loads(request["body"]) == sent
    return sent


def url_path(model: str, name: str) -> str:
    """The path to which the SDK sends an operation."""
    params: dict[str, Any] = {"modelId": model}
    params |= {"body": b"{}"} if name.startswith("Invoke") else {}
    path: str = create_serializer("rest-json").serialize_to_request(params, operation(name))["url_path"]
    return path


def parsed(body: bytes, name: str = "Converse") -> dict[str, Any]:
    """An answer as the SDK reads it."""
    shape = operation(name).output_shape
    response = {"status_code": 200, "headers": {}, "body": body}
    result: dict[str, Any] = create_parser("rest-json").parse(response, shape)
    return result


def events(raw: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The events of a stream as the SDK cuts them, by their names."""
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    messages: Any = buffer
    return [(message.headers[":event-type"], json.loads(message.payload)) for message in messages]


def whole(told: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """The unary answer that a stream's events amount to."""
    answer: dict[str, Any] = {}
    blocks: list[dict[str, Any]] = []
    for name, event in told:
        match name:
            case "contentBlockStart":
                blocks.append(json.loads(json.dumps(event["start"])))
            case "contentBlockDelta":
                while len(blocks) <= event["contentBlockIndex"]:
                    blocks.append({})
                _add(blocks[event["contentBlockIndex"]], event["delta"])
            case "messageStop":
                answer["stopReason"] = event["stopReason"]
            case "metadata":
                answer |= {key: value for key, value in event.items() if key != "p"}
    return answer | {"output": {"message": {"role": "assistant", "content": [_ended(block) for block in blocks]}}}


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    match delta:
        case {"text": text}:
            block["text"] = block.get("text", "") + text
        case {"toolUse": {"input": piece}}:
            block["toolUse"]["input"] = block["toolUse"].get("input", "") + piece
        case {"toolResult": pieces}:
            block["toolResult"].setdefault("content", []).extend(pieces)
        case {"reasoningContent": {"redactedContent": data}}:
            block["reasoningContent"] = {"redactedContent": data}
        case {"reasoningContent": told}:
            thought = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})["reasoningText"]
            for name, piece in told.items():
                thought[name] = thought.get(name, "") + piece
        case {"citation": citation}:
            block.setdefault("citations", []).append(citation)
        case {"image": {"source": {"bytes": data}}}:
            block["image"].setdefault("source", {"bytes": ""})["bytes"] += data


def _ended(block: dict[str, Any]) -> dict[str, Any]:
    if "citations" in block:
        return {"citationsContent": {"content": [{"text": block["text"]}], "citations": block["citations"]}}
    if "toolUse" in block:
        block["toolUse"]["input"] = json.loads(block["toolUse"].get("input") or "{}")
    return block


def _taken(value: Any, shape: Shape, path: str) -> Any:
    """A value with its bytes decoded; fails on what the model does not have."""
    match shape:
        case StructureShape() if getattr(shape, "is_document_type", False):
            return value
        case StructureShape():
            unknown = value.keys() - shape.members.keys()
            assert not unknown, f"{path} has {unknown}"
            assert not getattr(shape, "is_tagged_union", False) or len(value) == 1, path
            return {name: _taken(below, shape.members[name], f"{path}.{name}") for name, below in value.items()}
        case ListShape():
            return [_taken(below, shape.member, f"{path}[]") for below in value]
        case MapShape():
            return {_taken(name, shape.key, path): _taken(below, shape.value, path) for name, below in value.items()}
        case StringShape():
            assert not shape.enum or value in shape.enum, f"{path}: {value}"
            assert len(value) <= shape.metadata.get("max", len(value)), path
            pattern = shape.metadata.get("pattern")
            assert pattern is None or re.fullmatch(pattern, value), f"{path}: {value}"
            return value
        case _ if shape.type_name == "blob":
            return base64.b64decode(value, validate=True)
    return value
