import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire import tokens as counting
from adapters.wire.tokens import count_chat, count_text, decode_ids, split_tokens

COUNTS = "from adapters.wire.tokens import count_text; import os; print(count_text('Hello world', 'gpt-4'))"


def counted(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Count in a fresh process whose home is a folder of its own and that reaches no network."""
    kept = {name: value for name, value in os.environ.items() if name not in ("TIKTOKEN_CACHE_DIR", "XDG_CACHE_HOME")}
    unreachable = {"HTTPS_PROXY": "http://127.0.0.1:9", "HOME": str(home), "TMPDIR": str(home)}
    return subprocess.run(
        [sys.executable, "-c", COUNTS],
        capture_output=True,
        text=True,
        check=False,
        env=kept | unreachable | environment,
    )


@pytest.mark.parametrize(
    ("model", "tokens"),
    [("gpt-4", 24), ("gpt-4o", 8), ("gpt-5", 8), ("openai/gpt-4o", 8), ("nobody-knows-me", 8), ("davinci", 24)],
)
def test_a_text_is_counted_with_its_models_encoding(model: str, tokens: int) -> None:
    assert count_text("здравствуйте, как ваши дела сегодня" if tokens else "", model) > 0
    assert (count_text("नमस्ते दुनिया", model) > 9) is (tokens == 24)  # the newer encoding knows more of the script


def test_special_tokens_in_a_text_are_text() -> None:
    assert count_text("<|endoftext|>", "gpt-4") > 1


@given(st.text(), st.sampled_from(["gpt-4", "gpt-4o"]))
def test_any_text_can_be_counted(text: str, model: str) -> None:
    assert 0 <= count_text(text, model) <= 4 * len(text)


def test_a_text_that_never_breaks_is_counted() -> None:
    assert count_text("a" * 300_000, "gpt-4o") > 1_000


def test_a_chat_costs_its_texts_and_a_little_for_each_message() -> None:
    messages = [
        {"role": "system", "content": "You are a helpful, pattern-following assistant."},
        {"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
    ]
    texts = sum(count_text(text, "gpt-4") for message in messages for text in message.values())
    assert count_chat(messages, "gpt-4") == texts + 3 * 2 + 1 + 3


def test_parts_tools_and_calls_count_and_pictures_do_not() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    plain = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None}]
    rich = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": "x" * 99}}],
        },
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    assert count_chat(rich, "gpt-4") == count_chat(plain, "gpt-4") + count_text("f", "gpt-4") + count_text(
        '{"a":1}', "gpt-4"
    )
    assert count_chat(plain, "gpt-4", tools=[{"type": "function", "function": {"name": "f"}}]) > count_chat(
        plain, "gpt-4"
    )


def test_a_message_of_a_wrong_type_costs_what_every_message_costs() -> None:
    assert count_chat(["Hello world"], "gpt-4") == count_chat([{}], "gpt-4")


def test_tokens_are_the_bytes_of_the_text() -> None:
    assert split_tokens("Hello world 😀 <|endoftext|>")[:2] == [b"Hello", b" world"]
    assert b"".join(split_tokens("Hello world 😀 <|endoftext|>")).decode() == "Hello world 😀 <|endoftext|>"


def test_token_ids_are_read_back() -> None:
    assert decode_ids([9906, 1917]) == "Hello world"


@pytest.mark.parametrize("ids", [[-1], [10**7], [10**30]])
def test_ids_that_are_none_are_refused(ids: list[int]) -> None:
    with pytest.raises(ValueError, match="token id"):
        decode_ids(ids)


def test_it_works_without_a_network_and_keeps_its_files(tmp_path: Path) -> None:
    result = counted(tmp_path)
    assert (result.stdout, result.returncode) == ("2\n", 0), result.stderr
    (file,) = (tmp_path / ".cache" / "isthmus" / "tiktoken").iterdir()
    assert file.stat().st_size > 1_000_000


def test_it_works_without_a_home_that_can_be_written(tmp_path: Path) -> None:
    not_a_folder = tmp_path / "file"
    not_a_folder.touch()
    assert counted(tmp_path, HOME=str(not_a_folder)).stdout == "2\n"


def test_a_cache_of_somebody_else_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "theirs"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root, who may run the tests, can write anywhere
    folder = counting._cache_folder.__wrapped__()
    assert folder.parent == tmp_path
    assert os.environ["TIKTOKEN_CACHE_DIR"] == str(folder)


def test_the_operators_own_cache_is_used(tmp_path: Path) -> None:
    own = tmp_path / "own"
    assert counted(tmp_path, TIKTOKEN_CACHE_DIR=str(own)).stdout == "2\n"
    assert len(list(own.iterdir())) == 1


def test_many_processes_may_begin_at_once(tmp_path: Path) -> None:
    home = os.environ | {"HOME": str(tmp_path)}
    home.pop("TIKTOKEN_CACHE_DIR", None)
    running = [subprocess.Popen([sys.executable, "-c", COUNTS], stdout=subprocess.PIPE, env=home) for _ in range(3)]
    assert [json.loads(process.communicate()[0]) for process in running] == [2, 2, 2]
