"""Answers in a form beside functions, for models before Gemini 3, which take only one of the two.

They refuse with "Function calling with a response mime type: 'application/json' is unsupported":
https://github.com/googleapis/python-genai/issues/867
"""

from typing import Any

from msgspec.structs import replace

from adapters.wire.chat import ChatRequest, FunctionDefinition, NamedChoice, ToolDefinition
from adapters.wire.errors import BadRequest
from adapters.wire.structured import FORCED_TOOL, schema_of


def form_or_functions(request: ChatRequest) -> ChatRequest:
    """The same request without a form beside functions.

    Where the model may choose, the form is one more function, and one of them must be called. Raises BadRequest on a
    form of anything but an object: functions take objects.
    """
    schema = schema_of(request.response_format)
    if schema is None or not request.function_tools:
        return request
    match request.choice:
        case "none":
            return replace(request, tools=None, functions=None, tool_choice=None, function_call=None)
        case "required" | NamedChoice():
            return replace(request, response_format=None)  # the answer is a call
        case _:
            tools = [*(request.tools or ()), _answer_tool(request, schema)]
            return replace(request, tools=tools, tool_choice="required", response_format=None)


def _answer_tool(request: ChatRequest, schema: dict[str, Any]) -> ToolDefinition:
    if schema.get("type", "object") != "object":
        raise BadRequest(
            "Beside tools this model answers in a form by calling a tool, so the schema must be that of an object.",
            param="response_format.json_schema.schema.type",
            code="unsupported_value",
        )
    form = request.response_format.json_schema if request.response_format is not None else None
    described = form.description if form is not None else None
    function = FunctionDefinition(
        name=FORCED_TOOL,
        description=described or "Call this to answer; its arguments are the answer.",
        parameters={"type": "object"} | schema,
    )
    return ToolDefinition(function=function)
