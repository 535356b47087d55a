"""Tool calls as OpenAI writes them: the first piece has index, id, type and name, later ones index and arguments.

https://platform.openai.com/docs/guides/function-calling#streaming
"""

import secrets
from typing import Any

import msgspec

from adapters.inference.openai.quirks.memory import FORCED, Call, Memory
from adapters.wire.carried import carry
from adapters.wire.structured import FORCED_TOOL

_encode = msgspec.json.Encoder().encode
_CUSTOM = "custom"
DIALECT = "openai"
"""Whose state a call's id carries."""


def mend_calls(said: dict[str, Any], memory: Memory) -> None:
    """Give calls their id, type and arguments; in a stream every piece gets the index that its call has from its first.

    Whoever lacks an index is told apart by id and name: a piece without either continues the call before.
    """
    pieces = said.get("tool_calls")
    if not isinstance(pieces, list):
        return
    for piece in pieces:
        if isinstance(piece, dict):
            _mend(piece, memory)
            if memory.whole and piece["index"] != FORCED:
                del piece["index"]


def carry_reasoning(said: dict[str, Any], memory: Memory) -> None:
    """Put the thoughts before a message's first call into its id, from where they come back with the next turn."""
    memory.reasoning += said.get("reasoning_content") or ""
    for piece in said.get("tool_calls") or ():
        if memory.reasoning and piece.get("id") == memory.calls[0].id:
            piece["id"] = carry(piece["id"], DIALECT, memory.reasoning.encode())


def _mend(piece: dict[str, Any], memory: Memory) -> None:
    function = piece.get("function")
    if not isinstance(function, dict):
        function = {}
    call = _continued(piece, function, memory)
    if call is None:
        call = _begun(piece, function, memory)
        piece["id"] = call.id
        piece["type"] = piece.get("type") or "function"
    else:
        _leave_out_what_is_known(piece, function, call)
    piece["index"] = call.index
    if piece.get("type") != _CUSTOM:
        piece.pop(_CUSTOM, None)
        piece["function"] = function
        function["arguments"] = _as_text(function.get("arguments"))


def _continued(piece: dict[str, Any], function: dict[str, Any], memory: Memory) -> Call | None:
    """The call that a piece goes on with, None where it begins one."""
    if memory.whole:
        return None
    theirs, index = _filled(piece.get("id")), piece.get("index")
    if type(index) is int:
        call = memory.latest.get(index)
        # Two calls under one index are told apart by their ids.
        return None if call is None or (theirs and theirs != call.theirs and function.get("name")) else call
    if theirs:
        return next((call for call in (*memory.calls, memory.forced) if call and call.theirs == theirs), None)
    return None if function.get("name") else memory.current


def _begun(piece: dict[str, Any], function: dict[str, Any], memory: Memory) -> Call:
    theirs, index, name = _filled(piece.get("id")), piece.get("index"), function.get("name")
    forced = memory.unwraps and memory.forced is None and name == FORCED_TOOL
    place = FORCED if forced else len(memory.calls)
    call = memory.current = Call(place, theirs, theirs or f"call_{secrets.token_hex(12)}", name)
    if forced:
        memory.forced = call
    else:
        memory.calls.append(call)
    if type(index) is int:
        memory.latest[index] = call
    return call


def _leave_out_what_is_known(piece: dict[str, Any], function: dict[str, Any], call: Call) -> None:
    """Clients join the strings of a call's pieces: an id or a name that comes again would be there twice."""
    piece.pop("id", None)
    if piece.get("type") != _CUSTOM:
        piece.pop("type", None)
    if not function.get("name") or function["name"] == call.name:
        function.pop("name", None)


def _as_text(arguments: Any) -> str:
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else _encode(arguments).decode()


def _filled(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
