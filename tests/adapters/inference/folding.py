"""What OpenAI's own client makes of a stream of chunks."""

import json
from typing import Any

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

DONE = b"data: [DONE]\n\n"


def chunks(stream: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream, and the error that ends it where one does; every frame has to be whole."""
    frames = stream.removesuffix(DONE).split(b"\n\n")
    assert frames.pop() == b""
    return [json.loads(frame.removeprefix(b"data: ")) for frame in frames]


def fold(stream: bytes) -> dict[str, Any]:
    """The completion that the chunks of a stream amount to, in the form of a whole answer."""
    assert stream.endswith(DONE)
    state = ChatCompletionStreamState()
    for chunk in chunks(stream):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    folded: dict[str, Any] = state.current_completion_snapshot.model_dump(warnings=False)
    return plain(folded)


def plain(completion: dict[str, Any]) -> dict[str, Any]:
    """A completion without what differs from answer to answer or says nothing, for comparison."""
    choices = []
    for choice in completion["choices"]:
        said = {name: value for name, value in choice["message"].items() if value not in (None, "", [])}
        said.pop("parsed", None)
        for call in said.get("tool_calls", ()):
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
        told = {"index": choice["index"], "message": said, "finish_reason": choice["finish_reason"]}
        if logprobs := choice.get("logprobs"):
            told["logprobs"] = logprobs["content"]
        choices.append(told)
    return {"model": completion["model"], "created": completion["created"], "choices": choices}
