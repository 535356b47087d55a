import re
import zlib
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.carried import MARK, Carried, carry, split

ids = st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True).filter(lambda text: MARK not in text)
dialects = st.from_regex(r"[a-z]{1,12}", fullmatch=True)


@given(ids, dialects, st.binary(max_size=400))
def test_what_is_carried_comes_back(call_id: str, dialect: str, state: bytes) -> None:
    assert split(carry(call_id, dialect, state)) == (call_id, Carried(dialect, state))


@given(ids, dialects, st.binary(max_size=40))
def test_an_id_that_carries_is_one_that_every_service_takes(call_id: str, dialect: str, state: bytes) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]+", carry(call_id, dialect, state))


@given(st.text().filter(lambda text: MARK not in text))
def test_an_id_that_carries_nothing_is_itself(call_id: str) -> None:
    assert split(call_id) == (call_id, None)


@given(st.text())
def test_what_a_client_made_up_breaks_nothing(tail: str) -> None:
    assert split(f"call_1{MARK}{tail}")[0] == "call_1"


@pytest.mark.parametrize("packed", ["eJx", "AAAA", "____", urlsafe_b64encode(zlib.compress(b"state")[:-3]).decode()])
def test_state_that_is_damaged_is_left_out(packed: str) -> None:
    assert split(f"call_1{MARK}gemini__{packed}") == ("call_1", None)


def test_a_short_id_does_not_unpack_to_much() -> None:
    assert split(carry("call_1", "gemini", b"\0" * 2_000_000)) == ("call_1", None)
