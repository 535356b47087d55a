"""Tools, and how the model chooses among them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html
"""

from typing import Any

from adapters.inference.bedrock.families import Family
from adapters.inference.bedrock.messages import Conversation, cache_point
from adapters.inference.bedrock.structured import answer_tool
from adapters.wire.chat import ChatRequest, FunctionDefinition, NamedChoice
from adapters.wire.fields import Drops

_ANY_INPUT: dict[str, Any] = {"type": "object", "properties": {}}


def tool_fields(
    request: ChatRequest, conversation: Conversation, family: Family, by_tool: bool, drops: Drops
) -> dict[str, Any]:
    """`toolConfig`, and for Claude what Converse can't say of the choice; nothing where there are no tools."""
    tools = _specs(request, family, drops)
    choice = request.choice
    if by_tool and request.response_format is not None:
        tools = [*(tools if choice != "none" else ()), {"toolSpec": answer_tool(request.response_format)}]
        choice = "required" if family.can_be_forced and not _thinks(request, family) else None
    elif choice == "none" and not conversation.called:
        return {}
    if not tools:
        # Turns with calls and results are refused where no tools are named.
        tools = [
            {"toolSpec": {"name": name, "inputSchema": {"json": _ANY_INPUT}}}
            for name in dict.fromkeys(conversation.called)
        ]
    if not tools:
        return {}
    one_by_one = request.parallel_tool_calls is False
    if family.claude is not None and (choice == "none" or one_by_one):
        chosen = _claudes_choice(choice, one_by_one)
        return {"toolConfig": {"tools": tools}, "additionalModelRequestFields": {"tool_choice": chosen}}
    if choice == "none":
        drops.drop("tool_choice")
    if one_by_one:
        drops.drop("parallel_tool_calls")
    config: dict[str, Any] = {"tools": tools}
    if (converse_choice := _choice(choice)) is not None:
        config["toolChoice"] = converse_choice
    return {"toolConfig": config}


def _thinks(request: ChatRequest, family: Family) -> bool:
    """Claude refuses to be forced while it thinks."""
    return family.claude is not None and request.reasoning_effort not in (None, "none")


def _specs(request: ChatRequest, family: Family, drops: Drops) -> list[dict[str, Any]]:
    specs = []
    for index, tool in enumerate(request.tools or ()):
        if tool.function is None:
            drops.drop(f"tools[{index}]")
            continue
        specs.append({"toolSpec": _spec(tool.function, f"tools[{index}].function", family, drops)})
        if tool.cache_control is not None and family.caches_tools:
            specs.append(cache_point(tool.cache_control))
        elif tool.cache_control is not None:
            drops.drop(f"tools[{index}].cache_control")
    for index, older in enumerate(request.functions or ()):
        specs.append({"toolSpec": _spec(older, f"functions[{index}]", family, drops)})
    return specs


def _spec(function: FunctionDefinition, param: str, family: Family, drops: Drops) -> dict[str, Any]:
    spec: dict[str, Any] = {"name": function.name, "inputSchema": {"json": function.parameters or _ANY_INPUT}}
    if function.description:
        spec["description"] = function.description
    if function.strict and family.has_schemas:
        spec["strict"] = True
    elif function.strict:
        drops.drop(f"{param}.strict")
    return spec


def _choice(choice: Any) -> dict[str, Any] | None:
    match choice:
        case "auto":
            return {"auto": {}}
        case "required":
            return {"any": {}}
        case NamedChoice():
            return {"tool": {"name": choice.function.name}}
    return None


def _claudes_choice(choice: Any, one_by_one: bool) -> dict[str, Any]:
    """The model's own `tool_choice`, which can't stand beside `toolChoice`.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-tool-use.html
    """
    if choice == "none":
        return {"type": "none"}
    chosen: dict[str, Any] = {"type": "any" if choice == "required" else "auto"}
    if isinstance(choice, NamedChoice):
        chosen = {"type": "tool", "name": choice.function.name}
    return chosen | ({"disable_parallel_tool_use": True} if one_by_one else {})
