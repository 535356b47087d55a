"""Messages as contents: who says what, in which order, with which media."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.inference.gemini import ADAPTER
from adapters.wire.carried import carry
from adapters.wire.errors import BadRequest
from tests.adapters.inference.gemini.exchanges import aim, asking
from tests.adapters.inference.gemini.judge import judged

CHAT = ADAPTER.codecs["chat"]
DATA = base64.b64encode(b"bytes").decode()


def sent(*messages: dict[str, Any], model: str = "gemini-2.5-flash") -> dict[str, Any]:
    body: dict[str, Any] = json.loads(CHAT.encode(asking(messages=list(messages)), aim(model=model)).body)
    judged(body)
    return body


def contents(*messages: dict[str, Any], model: str = "gemini-2.5-flash") -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = sent(*messages, model=model)["contents"]
    return made


def dropped(*messages: dict[str, Any]) -> tuple[str, ...]:
    return CHAT.encode(asking(messages=list(messages)), aim()).dropped


def refusal(*messages: dict[str, Any]) -> BadRequest:
    with pytest.raises(BadRequest) as raised:
        sent(*messages)
    return raised.value


def user(content: Any = "Hello") -> dict[str, Any]:
    return {"role": "user", "content": content}


def call(id: str, name: str, arguments: str = "{}") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def calling(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": list(calls)} | more


def gave(id: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": content} | more


def part(content: dict[str, Any]) -> dict[str, Any]:
    """The part that a user's content of one part becomes."""
    ((only,),) = (each["parts"] for each in contents(user([content])))
    assert isinstance(only, dict)
    return only


def test_instructions_stand_apart_wherever_they_were() -> None:
    body = sent(
        {"role": "system", "content": "A"}, user(), {"role": "developer", "content": [{"type": "text", "text": "B"}]}
    )
    assert body["systemInstruction"] == {"parts": [{"text": "A"}, {"text": "B"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hello"}]}]


def test_instructions_alone_are_what_the_user_says() -> None:
    assert sent({"role": "system", "content": "A"}) == {"contents": [{"role": "user", "parts": [{"text": "A"}]}]}


def test_turns_of_the_model_that_follow_each_other_are_one() -> None:
    said = contents(user(), {"role": "assistant", "content": "Wait"}, calling(call("1", "f")), gave("1", "x"))
    assert [each["role"] for each in said] == ["user", "model", "user"]
    assert said[1]["parts"] == [{"text": "Wait"}, {"functionCall": {"name": "f", "args": {}, "id": "1"}}]


def test_a_turn_of_the_model_without_a_word_is_none() -> None:
    assert [each["role"] for each in contents(user(), {"role": "assistant", "content": ""}, user())] == ["user", "user"]


def test_a_refusal_of_before_is_something_said() -> None:
    assert contents(user(), {"role": "assistant", "refusal": "No"})[1]["parts"] == [{"text": "No"}]
    told = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}]}
    assert contents(user(), told)[1]["parts"] == [{"text": "No"}]


def test_answers_of_tools_are_one_content_in_the_order_of_the_calls() -> None:
    said = contents(user(), calling(call("1", "f"), call("2", "g")), gave("2", "second"), gave("1", "first"), user())
    assert [each["role"] for each in said] == ["user", "model", "user", "user"]
    assert [each["functionResponse"] for each in said[2]["parts"]] == [
        {"name": "f", "response": {"output": "first"}, "id": "1"},
        {"name": "g", "response": {"output": "second"}, "id": "2"},
    ]


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ('{"a": 12345678901234567890}', {"a": 12345678901234567890}),
        ("[1]", {"output": "[1]"}),
        ("plain", {"output": "plain"}),
        ("", {"output": ""}),
        ([{"type": "text", "text": "one "}, {"type": "text", "text": "two"}], {"output": "one two"}),
    ],
)
def test_what_a_tool_gave_is_an_object(content: Any, response: dict[str, Any]) -> None:
    said = contents(user(), calling(call("1", "f")), gave("1", content))
    assert said[2]["parts"][0]["functionResponse"]["response"] == response


def test_an_image_that_a_tool_gave_goes_along_with_its_answer() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}
    said = contents(user(), calling(call("1", "f")), gave("1", [{"type": "text", "text": "Here"}, image]))
    answer = said[2]["parts"][0]["functionResponse"]
    assert answer["response"] == {"output": "Here"}
    assert answer["parts"] == [{"inlineData": {"mimeType": "image/png", "data": DATA}}]


def test_an_answer_to_no_call_is_refused() -> None:
    assert refusal(user(), gave("9", "x")).param == "messages[1].tool_call_id"


def test_an_answer_to_no_call_may_name_its_function() -> None:
    said = contents(user(), gave("9", "x", name="f"))
    assert said[1]["parts"] == [{"functionResponse": {"name": "f", "response": {"output": "x"}, "id": "9"}}]


def test_ids_that_were_made_up_here_stay_here() -> None:
    said = contents(user(), calling(call("gemini_a_0_0", "f")), gave("gemini_a_0_0", "x"))
    assert said[1]["parts"] == [{"functionCall": {"name": "f", "args": {}}}]
    assert said[2]["parts"] == [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]


def test_functions_of_older_clients_are_calls_and_answers() -> None:
    said = contents(
        user(),
        {"role": "assistant", "function_call": {"name": "f", "arguments": '{"a": 1}'}},
        {"role": "function", "name": "f", "content": "x"},
    )
    assert said[1]["parts"] == [{"functionCall": {"name": "f", "args": {"a": 1}}}]
    assert said[2]["parts"] == [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]


def test_an_older_function_may_give_nothing() -> None:
    said = contents(user(), {"role": "function", "name": "f", "content": None})
    assert said[1]["parts"][0]["functionResponse"]["response"] == {"output": ""}


@pytest.mark.parametrize("arguments", ["[1]", "{", "none"])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    fault = refusal(user(), calling(call("1", "f", arguments)), gave("1", "x"))
    assert fault.param == "messages[1].tool_calls[0].function.arguments"


def test_arguments_keep_their_numbers() -> None:
    body = CHAT.encode(asking(messages=[user(), calling(call("1", "f", '{"a": 1.50}')), gave("1", "")]), aim()).body
    assert b'"args":{"a": 1.50}' in body


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"type": "text", "text": "Hi"}, {"text": "Hi"}),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/webp;base64,{DATA}"}},
            {"inlineData": {"mimeType": "image/webp", "data": DATA}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://site.test/a.png?size=2"}},
            {"fileData": {"fileUri": "https://site.test/a.png?size=2", "mimeType": "image/png"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "gs://bucket/a"}},
            {"fileData": {"fileUri": "gs://bucket/a", "mimeType": "image/jpeg"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": DATA, "format": "mp3"}},
            {"inlineData": {"mimeType": "audio/mp3", "data": DATA}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": DATA, "format": "pcm16"}},
            {"inlineData": {"mimeType": "audio/L16", "data": DATA}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://www.youtube.com/watch?v=1"}},
            {"fileData": {"fileUri": "https://www.youtube.com/watch?v=1", "mimeType": "video/mp4"}},
        ),
        (
            {"type": "file", "file": {"file_data": f"data:text/plain;base64,{DATA}"}},
            {"inlineData": {"mimeType": "text/plain", "data": DATA}},
        ),
        (
            {"type": "file", "file": {"file_data": DATA, "filename": "a.csv"}},
            {"inlineData": {"mimeType": "text/csv", "data": DATA}},
        ),
        (
            {"type": "file", "file": {"file_data": DATA}},
            {"inlineData": {"mimeType": "application/pdf", "data": DATA}},
        ),
        (
            {"type": "file", "file": {"file_url": "https://site.test/doc", "filename": "doc.html"}},
            {"fileData": {"fileUri": "https://site.test/doc", "mimeType": "text/html"}},
        ),
        (
            {"type": "file", "file": {"file_id": "files/abc"}},
            {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}},
        ),
        ({"type": "file", "file": {"file_id": "gs://bucket/a.pdf"}}, {"fileData": {"fileUri": "gs://bucket/a.pdf"}}),
    ],
)
def test_media_go_inline_or_by_their_uri(given: dict[str, Any], told: dict[str, Any]) -> None:
    assert part(given) == told


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png,raw"}}, "image_url.url"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,###"}}, "image_url.url"),
        ({"type": "input_audio", "input_audio": {"data": "###", "format": "wav"}}, "input_audio.data"),
        ({"type": "file", "file": {"filename": "a.pdf"}}, "file"),
    ],
)
def test_media_that_are_none_are_refused(given: dict[str, Any], param: str) -> None:
    assert refusal(user([given])).param == f"messages[0].content[0].{param}"


def test_instructions_are_text() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://site.test/a.png"}}
    assert refusal({"role": "system", "content": [image]}, user()).param == "messages[0].content[0]"


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (user() | {"name": "me"}, "messages[0].name"),
        (
            user([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]),
            "messages[0].content[0].cache_control",
        ),
        (
            user([{"type": "image_url", "image_url": {"url": "https://a.test/a.png", "detail": "low"}}]),
            "messages[0].content[0].image_url.detail",
        ),
        (
            user([{"type": "file", "file": {"file_data": f"data:text/csv;base64,{DATA}", "filename": "a.csv"}}]),
            "messages[0].content[0].file.filename",
        ),
        ({"role": "assistant", "content": "a", "audio": {"id": "1"}}, "messages[0].audio"),
        ({"role": "assistant", "content": "a", "cache_control": {}}, "messages[0].cache_control"),
        (gave("1", "x", name="f", cache_control={}), "messages[0].cache_control"),
    ],
)
def test_what_a_message_cannot_say_to_gemini_is_reported(message: dict[str, Any], path: str) -> None:
    assert dropped(message) == (f"{path}=unsupported",)


def test_an_image_looked_at_as_usual_is_nothing_to_report() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.test/a.png", "detail": "auto"}}
    assert dropped(user([image])) == ()


@given(st.lists(st.sampled_from(["user", "assistant", "system", "call"]), min_size=1, max_size=8))
def test_nothing_that_was_said_is_lost(roles: list[str]) -> None:
    messages: list[dict[str, Any]] = []
    for place, role in enumerate(roles):
        if role == "call":
            messages += [calling(call(f"c{place}", f"name{place}")), gave(f"c{place}", f"text{place}")]
        else:
            messages.append({"role": role, "content": f"text{place}"})
    written = json.dumps(sent(*messages))
    assert all(written.count(f"text{place}") == 1 for place in range(len(roles)))


# Signatures


def signed(message: dict[str, Any], model: str) -> list[str | None]:
    """The signatures of what the model said, part by part."""
    return [each.get("thoughtSignature") for each in contents(user(), message, model=model)[1]["parts"]]


SIGNATURE = base64.b64encode(b"thoughts").decode()
SKIPPED = "skip_thought_signature_validator"


def encrypted(id: str | None = None, **more: Any) -> dict[str, Any]:
    detail = {"type": "reasoning.encrypted", "format": "google-gemini-v1", "data": SIGNATURE}
    return detail | ({"id": id} if id else {}) | more


def test_a_signature_comes_back_in_the_id_of_its_call() -> None:
    call_id = carry("1", "gemini", SIGNATURE.encode())
    said = contents(user(), calling(call(call_id, "f")), gave(call_id, "x"), model="gemini-3-flash")
    assert said[1]["parts"] == [{"functionCall": {"name": "f", "args": {}, "id": "1"}, "thoughtSignature": SIGNATURE}]
    assert said[2]["parts"][0]["functionResponse"]["id"] == "1"


def test_a_signature_in_the_details_counts_more_than_that_of_the_id() -> None:
    call_id = carry("1", "gemini", b"b2xk")
    assert signed(calling(call(call_id, "f"), reasoning_details=[encrypted("1")]), "gemini-3-flash") == [SIGNATURE]


def test_the_state_of_another_dialect_is_no_signature() -> None:
    call_id = carry("1", "anthropic", b"state")
    assert signed(calling(call(call_id, "f")), "gemini-2.5-flash") == [None]


def test_a_call_of_another_model_is_let_through_where_signatures_are_demanded() -> None:
    assert signed(calling(call("1", "f"), call("2", "g")), "gemini-3-flash") == [SKIPPED, None]
    assert signed(calling(call("1", "f")), "gemini-2.5-flash") == [None]


def test_a_text_gets_its_signature_back() -> None:
    message = {"role": "assistant", "content": "Hi", "reasoning_details": [encrypted()]}
    assert contents(user(), message)[1]["parts"] == [{"text": "Hi", "thoughtSignature": SIGNATURE}]


def test_a_signature_without_a_text_goes_back_with_an_empty_one() -> None:
    message = {"role": "assistant", "content": None, "reasoning_details": [encrypted()]}
    assert contents(user(), message)[1]["parts"] == [{"text": "", "thoughtSignature": SIGNATURE}]


def test_a_signed_thought_and_what_tools_of_the_services_own_did_go_back_before_the_text() -> None:
    thought = {"type": "reasoning.text", "format": "google-gemini-v1", "text": "Hm", "signature": SIGNATURE}
    ran = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": SIGNATURE}
    done = {"type": "gemini.part", "format": "google-gemini-v1", "part": ran}
    message = {"role": "assistant", "content": "Hi", "reasoning_details": [thought, done]}
    assert contents(user(), message)[1]["parts"] == [
        {"text": "Hm", "thought": True, "thoughtSignature": SIGNATURE},
        ran,
        {"text": "Hi"},
    ]


@pytest.mark.parametrize("detail", [encrypted(format="anthropic-claude-v1"), {"type": "reasoning.summary"}, {}])
def test_details_of_other_services_stay_behind(detail: dict[str, Any]) -> None:
    message = {"role": "assistant", "content": "Hi", "reasoning_details": [detail]}
    assert contents(user(), message)[1]["parts"] == [{"text": "Hi"}]
