"""JSON objects as clients may write them, nearly right ones too, and how a strict reader reads them."""

import json
from typing import Any

from hypothesis import strategies as st

WHITE = st.text(" \t\r\n", max_size=3)
NAMES = st.one_of(st.text(st.characters(codec="utf-8"), max_size=8), st.sampled_from(["model", "stream", "a", ""]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def written_text(draw: st.DrawFn, text: str) -> str:
    """A JSON string with some of its characters as escapes."""
    escaped = draw(st.sets(st.integers(0, max(0, len(text) - 1)), max_size=4))
    parts = []
    for at, char in enumerate(text):
        units = char.encode("utf-16-be")
        codes = [f"\\u{units[i]:02x}{units[i + 1]:02X}" for i in range(0, len(units), 2)]
        parts.append("".join(codes) if at in escaped else json.dumps(char, ensure_ascii=False)[1:-1])
    return '"' + "".join(parts) + '"'


@st.composite
def written_value(draw: st.DrawFn) -> str:
    value = draw(VALUES)
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:")]))
    return json.dumps(value, ensure_ascii=draw(st.booleans()), separators=separators)


@st.composite
def written_objects(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]]]:
    """A JSON object's text, and its members as name and value text."""
    members = draw(st.lists(st.tuples(NAMES.filter(lambda name: name not in ("model", "stream")), written_value())))
    members.insert(draw(st.integers(0, len(members))), ("model", '"m"'))
    if draw(st.booleans()):
        twin = draw(st.sampled_from(members))
        members.insert(draw(st.integers(0, len(members))), twin)
    shown = []
    for name, value in members:
        w = [draw(WHITE) for _ in range(4)]
        shown.append(w[0] + draw(written_text(name)) + w[1] + ":" + w[2] + value + w[3])
    return draw(WHITE) + "{" + ",".join(shown) + "}" + draw(WHITE), members


@st.composite
def nearly_objects(draw: st.DrawFn) -> bytes:
    """A request with some bytes changed, put in or taken out."""
    raw = bytearray(draw(written_objects())[0].encode())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(raw) - 1))
        some = draw(st.binary(max_size=3) | st.sampled_from([b",", b":", b'"', b"\\", b"{", b"\\ud800", b"NaN", b"01"]))
        raw[at : at + draw(st.integers(0, 2))] = some
        raw = raw or bytearray(b"{}")
    return bytes(raw)


class _Refused(ValueError):
    pass


def strict_reading(raw: bytes) -> dict[str, Any] | None:
    """The object that Python's own reader sees, None where JSON or UTF-8 forbid it or a key stands twice at the top."""
    objects: list[list[tuple[str, Any]]] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        objects.append(pairs)
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise _Refused(constant)

    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=keep, parse_constant=refuse, parse_int=str, parse_float=float
        )
        json.dumps(value, ensure_ascii=False).encode()  # halves of surrogate pairs are no text
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or len(objects[-1]) != len(value):
        return None
    return value
