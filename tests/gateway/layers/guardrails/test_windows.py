"""Windows over streams: whatever the cuts, what is clean leaves as it came, and what was found never leaves."""

import itertools
import re
from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.messages.folding import fold
from adapters.safety.contract import Span
from adapters.wire.usage import Usage
from gateway.layers.guardrails.chunks import Chunks
from gateway.layers.guardrails.events import Events
from gateway.layers.guardrails.judging import Found
from gateway.layers.guardrails.windows import HELD_MAX, Sizes, Windows
from tests.gateway.layers.guardrails.talk import DONE, Heard, chat_stream, chunk, message_stream

SECRET = re.compile(r"S[0-9]{0,8}E")
"""At most ten characters, and no text between secrets has a letter of them."""
LONGEST = 10

secrets = st.integers(0, 99_999_999).map(lambda number: f"S{number}E")
clean = st.text(alphabet='ab \nüλ漢😀"\\{}0123456789-', max_size=30)
texts = st.lists(st.one_of(clean, secrets), max_size=8).map("".join)
sizes = st.builds(lambda window, overlap: Sizes(window, overlap, overlap), st.integers(1, 60), st.integers(LONGEST, 40))


def cut(text: str, at: Sequence[int]) -> list[str]:
    """A text in pieces."""
    places = sorted({place % (len(text) + 1) for place in at} | {0, len(text)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


def judge(windows: Windows, action: str, form: re.Pattern[str] = SECRET, seen: list[str] | None = None) -> None:
    """Look for secrets, as a check does."""
    together = windows.round()
    blocked = {}
    for index, judged in enumerate(together.judged):
        shown = judged.content().texts
        spans = tuple(
            Span(place, found.start(), found.end(), "X") for place, text in enumerate(shown)
            for found in form.finditer(text)
        )  # fmt: skip
        if seen is not None:
            seen += [shown[span.text][span.start : span.end] for span in spans]
        if spans and action == "block":
            blocked[index] = Found("block", ("secret",))
        elif spans and action == "redact":
            judged.mark(Found("redact", ("secret",), spans))
    together.settle(blocked)


def run(
    windows: Windows,
    parts: Sequence[bytes],
    early: Sequence[bool],
    action: str,
    form: re.Pattern[str] = SECRET,
    seen: list[str] | None = None,
) -> tuple[bytes, bool]:
    """Send parts through; where `early` says so, what is there is judged before its window is full."""
    out = []
    for number, part in enumerate(parts):
        windows.feed(part)
        if windows.is_full or (early and early[number % len(early)] and windows.is_waiting):
            judge(windows, action, form, seen)
            if windows.is_blocked:
                out.append(windows.cut(Usage(3, 5)))
                return b"".join(out), True
        out.append(windows.take())
    windows.finish()
    if windows.is_waiting:
        judge(windows, action, form, seen)
    out.append(windows.take())
    assert windows.is_empty
    assert windows.held == 0
    return b"".join(out), False


def grouped(frames: Sequence[bytes], at: Sequence[int]) -> list[bytes]:
    """Frames as they come in, several at once."""
    places = sorted({place % (len(frames) + 1) for place in at} | {0, len(frames)})
    return [b"".join(frames[start:end]) for start, end in itertools.pairwise(places)]


cuts = st.lists(st.integers(0, 400), max_size=30)
earlies = st.lists(st.booleans(), max_size=5)


@given(clean, cuts, cuts, sizes, earlies)
def test_a_clean_stream_leaves_byte_for_byte(
    text: str, at: list[int], together: list[int], size: Sizes, early: list[bool]
) -> None:
    frames = [*chat_stream(cut(text, at)), chunk({}, usage={"total_tokens": 1}), b": comment\n\n", DONE]
    out, _ = run(Windows(Chunks(wants_usage=True), size), grouped(frames, together), early, "redact")
    assert out == b"".join(frames)


@given(texts, cuts, cuts, sizes, earlies)
def test_secrets_are_redacted_wherever_the_stream_is_cut(
    text: str, at: list[int], together: list[int], size: Sizes, early: list[bool]
) -> None:
    frames = [*chat_stream(cut(text, at)), DONE]
    out, _ = run(Windows(Chunks(wants_usage=False), size), grouped(frames, together), early, "redact")
    heard = Heard(out)
    assert heard.texts[0] == SECRET.sub("<X>", text)
    assert (heard.finish, heard.is_done) == ({0: "stop"}, True)


@given(
    st.lists(st.one_of(st.text("ab ", max_size=9), st.from_regex(r"N[0-9]{1,60}", fullmatch=True)), max_size=6),
    cuts,
    st.integers(1, 60),
    st.integers(2, 20),
    earlies,
)
def test_what_grows_longer_than_the_overlap_once_it_was_found_is_redacted_whole(
    parts: list[str], at: list[int], window: int, overlap: int, early: list[bool]
) -> None:
    text, number = "".join(parts), re.compile("N[0-9]+")
    frames = [*chat_stream(cut(text, at)), DONE]
    windows = Windows(Chunks(wants_usage=False), Sizes(window, overlap, overlap))
    out, _ = run(windows, frames, early, "redact", number)
    assert Heard(out).texts[0] == number.sub("<X>", text)


def test_a_long_number_that_comes_digit_by_digit_is_redacted_whole() -> None:
    text, number = "call N" + "0123456789" * 5 + " now", re.compile("N[0-9]+")
    windows = Windows(Chunks(wants_usage=False), Sizes(4, 4, 4))
    out, _ = run(windows, [*chat_stream(list(text)), DONE], [], "redact", number)
    assert Heard(out).texts[0] == "call <X> now"


@given(texts, cuts, sizes, earlies)
def test_where_nothing_is_held_back_all_is_seen_all_the_same(
    text: str, at: list[int], size: Sizes, early: list[bool]
) -> None:
    seen: list[str] = []
    frames = [*chat_stream(cut(text, at)), DONE]
    windows = Windows(Chunks(wants_usage=False), size._replace(held=0))
    out, _ = run(windows, frames, early, "annotate", seen=seen)
    assert out == b"".join(frames)
    assert set(seen) == set(SECRET.findall(text))


@given(texts, cuts, cuts, sizes, earlies)
def test_nothing_of_a_secret_leaves_before_a_block(
    text: str, at: list[int], together: list[int], size: Sizes, early: list[bool]
) -> None:
    frames = [*chat_stream(cut(text, at)), DONE]
    out, _ = run(Windows(Chunks(wants_usage=True), size), grouped(frames, together), early, "block")
    heard = Heard(out)
    found = SECRET.search(text)
    if found is None:
        assert (heard.texts[0], heard.finish) == (text, {0: "stop"})
    else:
        assert text[: found.start()].startswith(heard.texts[0])
        assert heard.finish == {0: "content_filter"}
        assert heard.filtered == {0: {"secret": {"filtered": True, "detected": True}}}
    assert heard.is_done


@given(st.lists(texts, min_size=2, max_size=3), cuts, st.randoms(use_true_random=False), sizes, earlies)
def test_choices_are_judged_each_by_itself(
    said: list[str], at: list[int], random: Random, size: Sizes, early: list[bool]
) -> None:
    streams = [chat_stream(cut(text, at), index) for index, text in enumerate(said)]
    frames = []
    while any(streams):
        frames.append(random.choice([stream for stream in streams if stream]).pop(0))
    out, is_cut = run(Windows(Chunks(wants_usage=False), size, len(said)), [*frames, DONE], early, "block")
    heard = Heard(out)
    assert heard.is_done
    for index, text in enumerate(said):
        if found := SECRET.search(text):
            assert heard.finish[index] == "content_filter"
            assert text[: found.start()].startswith(heard.texts.get(index, ""))
        else:
            assert (heard.texts[index], heard.finish[index]) == (text, "stop")
    assert not is_cut or any(map(SECRET.search, said))


@given(texts, cuts, sizes, earlies)
def test_arguments_of_tools_stay_json(text: str, at: list[int], size: Sizes, early: list[bool]) -> None:
    for ascii_only in (True, False):
        written = msgspec.json.encode({"to": text, "S1E": 5}).decode()
        if ascii_only:
            written = written.encode("ascii", "backslashreplace").decode().replace("\\U0001f600", "\\ud83d\\ude00")
            written = re.sub(r"\\x(..)", r"\\u00\1", written)
        pieces = [chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in cut(written, at)]
        frames = [*pieces, chunk({}, "tool_calls"), DONE]
        out, _ = run(Windows(Chunks(wants_usage=False), size), frames, early, "redact")
        heard = Heard(out).arguments[0, 0]
        assert msgspec.json.decode(heard) == {"to": SECRET.sub("<X>", text), "<X>": 5}


@given(texts, cuts, cuts, sizes, earlies, st.sampled_from(["redact", "block"]))
def test_messages_are_judged_the_same(
    text: str, at: list[int], together: list[int], size: Sizes, early: list[bool], action: str
) -> None:
    arguments = cut(msgspec.json.encode({"to": text}).decode(), at)
    frames = message_stream([("text", cut(text, at)), ("tool_use", arguments)])
    out, _ = run(Windows(Events(), size), grouped(frames, together), early, action)
    message = msgspec.json.decode(fold_partly(out) if action == "block" else fold(out, None))
    found = SECRET.search(text)
    if found is None:
        assert out == b"".join(frames)
    elif action == "redact":
        assert message["content"][0]["text"] == SECRET.sub("<X>", text)
        assert message["content"][1]["input"] == {"to": SECRET.sub("<X>", text)}
    else:
        assert message["stop_reason"] == "refusal"
        assert message["stop_details"]["type"] == "refusal"
        said = [block for block in message["content"] if block["type"] == "text"]
        assert not said or text[: found.start()].startswith(said[0]["text"])
        assert len(message["content"]) < 2


def fold_partly(stream: bytes) -> bytes:
    assert stream.count(b'"message_stop"') == 1
    assert stream.count(b"event: content_block_start") == stream.count(b"event: content_block_stop")
    return fold(stream, None)


def test_what_is_held_is_bounded() -> None:
    windows = Windows(Chunks(wants_usage=False), Sizes(1_048_576, 1_048_576, 1_048_576))
    frame = chunk({"content": "a" * 100})
    most = 0
    for _ in range(3 * HELD_MAX // len(frame)):
        windows.feed(frame)
        if windows.is_full:
            judge(windows, "redact")
        windows.take()
        most = max(most, windows.held)
    assert most < HELD_MAX + len(frame)


@pytest.mark.parametrize("frame", [b"data: {nonsense\n\n", b"data: [1]\n\n", b'data: "S1E"\n\n'])
def test_a_frame_that_cannot_be_read_does_not_leave(frame: bytes) -> None:
    windows = Windows(Chunks(wants_usage=False), Sizes(10, 10, 10))
    assert run(windows, [*chat_stream(["a"]), frame, DONE], [], "redact")[0] == b"".join([*chat_stream(["a"]), DONE])


def test_odds_do_not_tell_what_was_redacted() -> None:
    odds = {"content": [{"token": "S1E", "logprob": -1.0, "bytes": [83], "top_logprobs": []}]}
    choice = {"index": 0, "delta": {"content": "S1E"}, "logprobs": odds, "finish_reason": None}
    frame = b"data: %b\n\n" % msgspec.json.encode({"id": "c", "choices": [choice]})
    out, _ = run(Windows(Chunks(wants_usage=False), Sizes(10, 10, 10)), [frame, chunk({}, "stop"), DONE], [], "redact")
    assert b"S1E" not in out
    assert Heard(out).texts == {0: "<X>"}


def test_a_stream_that_is_cut_tells_usage_to_whoever_asked() -> None:
    out, is_cut = run(Windows(Chunks(wants_usage=True), Sizes(1, 10, 10)), chat_stream(["S1E", "more"]), [], "block")
    heard = Heard(out)
    assert is_cut
    assert heard.usage["total_tokens"] == 8
    assert heard.is_done
