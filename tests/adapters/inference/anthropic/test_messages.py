"""Conversations as the service's turns: who says what, in which order, with which media."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.errors import BadRequest
from tests.adapters.inference.anthropic.asking import ADD, CALL, HELLO, MIDDLE, NEW, data_url, dropped, encoded, sent

SYSTEM = {"role": "system", "content": "Be brief"}
LATER = {"role": "developer", "content": "Now be long"}
USER = {"role": "user", "content": "Hello"}
ANSWER = {"role": "assistant", "content": "Hi"}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "toolu_1", "content": "2"}
CACHE = {"type": "ephemeral", "ttl": "1h"}


def text(told: str, **further: Any) -> dict[str, Any]:
    return {"type": "text", "text": told, **further}


def turns(messages: list[Any], model: str = MIDDLE) -> list[tuple[str, Any]]:
    return [(turn["role"], turn["content"]) for turn in sent(model, messages=messages)["messages"]]


def parts(*given: Any) -> Any:
    """What a user's parts become."""
    return turns([{"role": "user", "content": list(given)}])[0][1]


def test_instructions_from_the_start_are_the_system_prompt() -> None:
    told = sent(messages=[SYSTEM, {"role": "developer", "content": [text("Be kind"), text("")]}, USER])
    assert told["system"] == [text("Be brief"), text("Be kind")]


def test_instructions_alone_are_the_users_turn() -> None:
    assert turns([SYSTEM, LATER], NEW) == [("user", [text("Be brief"), text("Now be long")])]


def test_empty_instructions_are_none() -> None:
    assert "system" not in sent(messages=[{"role": "system", "content": ""}, USER])


def test_later_instructions_stand_in_their_place_where_the_model_takes_them() -> None:
    messages = [SYSTEM, USER, LATER, ANSWER, USER, LATER, SYSTEM]
    assert turns(messages, NEW) == [
        ("user", "Hello"),
        ("system", [text("Now be long")]),
        ("assistant", [text("Hi")]),
        ("user", "Hello"),
        ("system", [text("Now be long"), text("Be brief")]),
    ]


def test_instructions_before_the_users_turn_come_after_it() -> None:
    assert [role for role, _ in turns([USER, ANSWER, LATER, USER], NEW)] == ["user", "assistant", "user", "system"]


def test_instructions_between_a_call_and_its_result_come_after_the_result() -> None:
    assert [role for role, _ in turns([USER, CALLING, LATER, RESULT], NEW)] == ["user", "assistant", "user", "system"]


def test_instructions_between_two_answers_join_the_system_prompt() -> None:
    told = sent(NEW, messages=[USER, ANSWER, LATER, ANSWER, USER])
    assert told["system"] == [text("Now be long")]
    assert [turn["role"] for turn in told["messages"]] == ["user", "assistant", "assistant", "user"]


def test_later_instructions_join_the_system_prompt_of_older_models() -> None:
    told = sent(MIDDLE, messages=[SYSTEM, USER, LATER])
    assert told["system"] == [text("Be brief"), text("Now be long")]
    assert [turn["role"] for turn in told["messages"]] == ["user"]


def test_instructions_can_only_be_text() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    with pytest.raises(BadRequest) as caught:
        encoded(messages=[{"role": "system", "content": [image]}, USER])
    assert caught.value.param == "messages[0].content[0]"


def test_results_of_parallel_calls_are_one_turn() -> None:
    calling = CALLING | {"tool_calls": [CALL, CALL | {"id": "toolu_2"}]}
    told = turns([USER, calling, RESULT, RESULT | {"tool_call_id": "toolu_2"}, USER])
    assert [role for role, _ in told] == ["user", "assistant", "user", "user"]
    assert [each["tool_use_id"] for each in told[2][1]] == ["toolu_1", "toolu_2"]


def test_results_of_two_rounds_are_two_turns() -> None:
    told = turns([USER, CALLING, RESULT, CALLING, RESULT])
    assert [role for role, _ in told] == ["user", "assistant", "user", "assistant", "user"]


def test_a_call_is_a_block_with_its_arguments_as_an_object() -> None:
    assert turns([USER, CALLING | {"content": "Let me see"}, RESULT])[1] == (
        "assistant",
        [text("Let me see"), {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}}],
    )


SPOILED = {"name": "add", "arguments": "[1"}


@pytest.mark.parametrize(
    ("calling", "place"),
    [
        ({"tool_calls": [CALL | {"function": SPOILED}]}, "tool_calls[0].function.arguments"),
        ({"function_call": SPOILED}, "function_call.arguments"),
    ],
)
def test_arguments_that_are_no_object_are_refused_by_their_place(calling: Any, place: str) -> None:
    with pytest.raises(BadRequest) as caught:
        encoded(messages=[USER, {"role": "assistant"} | calling])
    assert caught.value.param == f"messages[1].{place}"


def test_a_result_is_the_text_that_the_tool_gave() -> None:
    assert turns([USER, CALLING, RESULT])[2][1] == [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "2"}]


def test_ids_of_other_services_are_written_in_the_letters_that_the_service_takes() -> None:
    calling = CALLING | {"tool_calls": [CALL | {"id": "functions.add:0"}]}
    told = turns([USER, calling, RESULT | {"tool_call_id": "functions.add:0"}])
    assert told[1][1][0]["id"] == told[2][1][0]["tool_use_id"] == "functions_add_0"


@pytest.mark.parametrize(("content", "told"), [("2", "2"), (None, "")])
def test_the_older_function_calls_are_tool_calls(content: str | None, told: str) -> None:
    calling = {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": "{}"}}
    (_, (_, (call,)), (_, (result,))) = turns([USER, calling, {"role": "function", "name": "add", "content": content}])
    assert (result["tool_use_id"], result["content"]) == (call["id"], told)


def test_a_result_without_a_call_goes_along_for_the_service_to_judge() -> None:
    ((_, (result,)),) = turns([{"role": "function", "name": "add", "content": "2"}])
    assert result["tool_use_id"] == ""


def test_a_result_may_hold_images_and_documents() -> None:
    image = {"type": "image_url", "image_url": {"url": data_url("image/png")}}
    pdf = {"type": "file", "file": {"file_data": data_url("application/pdf")}}
    result = RESULT | {"content": [text("See"), image, pdf]}
    content = turns([USER, CALLING, result])[2][1][0]["content"]
    assert [each["type"] for each in content] == ["text", "image", "document"]


def test_what_the_model_refused_is_what_it_said() -> None:
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}], "refusal": "Never"}
    assert turns([USER, refused, USER])[1][1] == [text("No"), text("Never")]


def test_empty_texts_are_left_out_and_an_empty_answer_is_none() -> None:
    messages = [
        {"role": "user", "content": [text(""), text("Hello")]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": ""}]},
        {"role": "assistant", "content": ""},
        USER,
    ]
    assert turns(messages) == [("user", [text("Hello")]), ("user", "Hello")]


@pytest.mark.parametrize(
    ("prefill", "told"), [("{ \n", [("assistant", [text("{")])]), (" \n", []), ("A", [("assistant", [text("A")])])]
)
def test_an_answer_that_is_to_be_continued_ends_without_white_space(prefill: str, told: Any) -> None:
    assert turns([USER, {"role": "assistant", "content": prefill}])[1:] == told


def test_a_call_at_the_end_stays_what_it_is() -> None:
    assert turns([USER, CALLING])[1][1][-1]["type"] == "tool_use"


def test_names_of_speakers_are_left_out_and_named() -> None:
    messages = [USER | {"name": "Ann"}, ANSWER | {"name": "Bot"}, USER]
    assert dropped(messages=messages) == ("messages[0].name=unsupported", "messages[1].name=unsupported")


def test_spoken_answers_are_left_out_and_named() -> None:
    assert dropped(messages=[USER, ANSWER | {"audio": {"id": "a"}}, USER]) == ("messages[1].audio=unsupported",)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_without_a_signature_are_left_out_and_named(name: str) -> None:
    assert dropped(messages=[USER, ANSWER | {name: "Hm"}, USER]) == (f"messages[1].{name}=unsupported",)


def test_points_to_cache_up_to_stand_on_parts_answers_and_results() -> None:
    messages = [
        {"role": "system", "content": [text("Be brief", cache_control=CACHE)]},
        {"role": "user", "content": [text("Hello", cache_control=CACHE)]},
        CALLING | {"cache_control": CACHE},
        RESULT | {"cache_control": CACHE},
    ]
    told = sent(messages=messages, tools=[ADD | {"cache_control": CACHE}])
    marked = [told["system"][0], told["tools"][0], *(turn["content"][-1] for turn in told["messages"])]
    assert [each["cache_control"] for each in marked] == [CACHE] * 5
    assert dropped(messages=messages) == ()


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "auto"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/webp;base64,AAAA"}, "cache_control": CACHE},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/webp", "data": "AAAA"},
                "cache_control": CACHE,
            },
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
                "title": "a.pdf",
            },
        ),
        (
            {"type": "file", "file": {"file_data": data_url("text/markdown", "# Ä".encode())}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "# Ä"}},
        ),
        (
            {"type": "file", "file": {"file_data": data_url("application/json", b"{}"), "filename": "a.json"}},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "{}"},
                "title": "a.json",
            },
        ),
        (
            {"type": "file", "file": {"file_data": "data:image/png;base64,AAAA"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        ),
        (
            {"type": "file", "file": {"file_url": "https://example.com/a.pdf"}},
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
        ),
        (
            {"type": "file", "file": {"file_url": "http://example.com/a.pdf"}},
            {"type": "document", "source": {"type": "url", "url": "http://example.com/a.pdf"}},
        ),
        (
            {"type": "file", "file": {"file_id": "file_1", "filename": "a.pdf"}},
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}, "title": "a.pdf"},
        ),
    ],
)
def test_media_go_as_urls_or_bytes(part: Any, block: Any) -> None:
    assert parts(part) == [block]


AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}


@pytest.mark.parametrize(
    ("part", "param", "code", "why"),
    [
        (AUDIO, "", "unsupported_content", "type 'input_audio'"),
        ({"type": "video_url", "video_url": {"url": "https://a.test/a.mp4"}}, "", "unsupported_content", "'video_url'"),
        ({"type": "image_url", "image_url": {"url": "data:spoiled"}}, ".image_url.url", None, "base64"),
        ({"type": "file", "file": {"filename": "a"}}, ".file", "invalid_value", "needs"),
        ({"type": "file", "file": {"file_data": "AAAA"}}, ".file.file_data", "invalid_value", "data URL"),
        ({"type": "file", "file": {"file_data": "data:spoiled"}}, ".file.file_data", None, "base64"),
        ({"type": "file", "file": {"file_url": "ftp://example.com"}}, ".file.file_url", "invalid_value", "data URL"),
        (
            {"type": "file", "file": {"file_data": data_url("application/zip")}},
            ".file.file_data",
            "unsupported_content",
            "type 'application/zip'",
        ),
        (
            {"type": "file", "file": {"file_data": data_url("text/plain", b"\xff")}},
            ".file.file_data",
            "invalid_value",
            "not text in UTF-8",
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/plain;base64,A"}},
            ".file.file_data",
            "invalid_base64",
            "not valid base64",
        ),
    ],
)
def test_content_that_can_not_go_is_refused_by_its_place(part: Any, param: str, code: str | None, why: str) -> None:
    with pytest.raises(BadRequest, match=why) as caught:
        encoded(messages=[*HELLO, {"role": "user", "content": [text("See"), part]}])
    assert (caught.value.param, caught.value.code) == (f"messages[1].content[1]{param}", code)


SPEAKERS = [USER, {"role": "assistant"}, RESULT]


@pytest.mark.parametrize("message", SPEAKERS, ids=lambda message: message["role"])
def test_content_is_refused_by_its_place_whoever_says_it(message: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        encoded(messages=[USER, CALLING, message | {"content": [AUDIO]}])
    assert caught.value.param == "messages[2].content[0]"


@pytest.mark.parametrize("message", SPEAKERS, ids=lambda message: message["role"])
def test_how_closely_to_look_is_left_out_and_named(message: dict[str, Any]) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "high"}}
    messages = [USER, CALLING, message | {"content": [image]}]
    assert dropped(messages=messages) == ("messages[2].content[0].image_url.detail=unsupported",)


@pytest.mark.parametrize("detail", [None, "auto"])
def test_a_look_as_close_as_the_service_likes_is_nothing_to_name(detail: str | None) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": detail}}
    assert dropped(messages=[{"role": "user", "content": [image]}]) == ()


MESSAGES = st.lists(st.sampled_from([SYSTEM, LATER, USER, ANSWER]), min_size=1, max_size=9)


@given(MESSAGES)
def test_no_word_is_lost_and_instructions_stand_where_the_service_takes_them(messages: list[Any]) -> None:
    told = sent(NEW, messages=messages)
    roles = [turn["role"] for turn in told["messages"]]
    said = [part["text"] for part in told.get("system", ())]
    for turn in told["messages"]:
        said += [turn["content"]] if isinstance(turn["content"], str) else [part["text"] for part in turn["content"]]
    assert sorted(said) == sorted(message["content"] for message in messages)
    for index, role in enumerate(roles):
        if role == "system":
            assert roles[index - 1 : index] == ["user"]
            assert roles[index + 1 : index + 2] in ([], ["assistant"])
