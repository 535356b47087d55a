import json
import time

from openai.types.chat import ChatCompletion

from adapters.wire.completion import ReplyFunction, ReplyToolCall, choice, completion, message
from adapters.wire.usage import Usage

CALL = ReplyToolCall(id="a", function=ReplyFunction(name="f", arguments="{}"))


def test_a_completion_is_one_that_openais_sdk_reads() -> None:
    raw = completion("id-1", "m", [choice(message("Hi"), "stop")], Usage(1, 2, reasoning_tokens=1), created=7)
    read = ChatCompletion.model_validate(json.loads(raw), strict=True)
    assert (read.id, read.created, read.choices[0].message.content) == ("id-1", 7, "Hi")
    assert read.usage is not None
    assert read.usage.total_tokens == 3


def test_a_message_without_text_beside_tool_calls_has_null_content() -> None:
    told = json.loads(completion("id-1", "m", [choice(message("", [CALL]), "tool_calls")], None))
    assert told["choices"][0]["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }


def test_an_empty_answer_is_an_empty_text() -> None:
    told = json.loads(completion("id-1", "m", [choice(message("", []), "stop")], None))
    assert told["choices"][0]["message"]["content"] == ""


def test_further_members_are_left_out_where_there_is_nothing_to_tell() -> None:
    told = json.loads(completion("id-1", "m", [], None, service_tier="flex", system_fingerprint=None))
    assert told["service_tier"] == "flex"
    assert "system_fingerprint" not in told


def test_an_answer_without_a_time_was_made_now() -> None:
    before = int(time.time())
    assert before <= json.loads(completion("id-1", "m", [], None))["created"] <= time.time()
