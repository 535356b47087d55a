"""Secrets that the gateway makes: long, recognisable, and told from guesses without a look-up."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.secret import digest_of, hint_of, is_whole, new_secret


def test_a_new_one_is_whole_and_like_no_other() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"sk-isthmus-[\w-]{51}", secret) and is_whole(secret.encode()) for secret in made)


@given(st.integers(11, 61), st.binary(min_size=1, max_size=1))
def test_one_wrong_character_is_noticed(place: int, other: bytes) -> None:
    secret = new_secret().encode()
    changed = secret[:place] + other + secret[place + 1 :]
    assert is_whole(changed) is (changed == secret)


@given(st.binary(max_size=100))
def test_anything_else_is_none(presented: bytes) -> None:
    assert not is_whole(presented)
    assert not is_whole(b"sk-isthmus-" + presented)


def test_what_is_kept_and_shown_of_it_is_not_enough_to_use_it() -> None:
    secret = new_secret()
    assert secret not in digest_of(secret)
    assert hint_of(secret) == f"{secret[:15]}…"
