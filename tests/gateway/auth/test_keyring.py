"""Keys: who is let in, and for which models."""

import hashlib
import hmac
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.wire.body import parse
from adapters.wire.errors import Forbidden, Unauthorized
from config.access import Key
from gateway.auth import ANYBODY, Caller, Keyring, keyring

SECRET = "sk-team-a-0123456789"
KEYS = [
    Key(name="team-a", key=SECRET),
    Key(name="team-b", key=f"sha256:{hashlib.sha256(b'sk-team-b-0123456789').hexdigest()}", models=["open*"]),
]


def named(keyring: Keyring, headers: dict[bytes, bytes]) -> str | None:
    """The name of the caller, where he is known at once."""
    caller = keyring.known(headers)
    return None if caller is None else caller.name


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({b"authorization": b"Bearer sk-team-a-0123456789"}, "team-a"),
        ({b"authorization": b"bearer  sk-team-a-0123456789 "}, "team-a"),
        ({b"api-key": b"sk-team-a-0123456789"}, "team-a"),
        ({b"x-api-key": b"sk-team-b-0123456789"}, "team-b"),
        ({b"authorization": b"Bearer sk-team-b-0123456789", b"api-key": b"nonsense"}, "team-b"),
    ],
)
def test_a_key_names_its_caller(headers: dict[bytes, bytes], name: str) -> None:
    assert named(Keyring(KEYS), headers) == name


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_api_key"),
        ({b"authorization": b"Bearer"}, "missing_api_key"),
        ({b"authorization": b"Bearer "}, "missing_api_key"),
        ({b"authorization": b"Basic c2stdGVhbS1hLTAxMjM0NTY3ODk="}, "missing_api_key"),
        ({b"authorization": b"sk-team-a-0123456789"}, "missing_api_key"),
        ({b"authorization": b"Bearer sk-team-a-012345678"}, "invalid_api_key"),
        ({b"authorization": b"Bearer sk-team-a-0123456789x"}, "invalid_api_key"),
        ({b"api-key": hashlib.sha256(SECRET.encode()).hexdigest().encode()}, "invalid_api_key"),
        ({b"authorization": b"Bearer \xff\xfe"}, "invalid_api_key"),
    ],
)
def test_anything_else_is_nobody(headers: dict[bytes, bytes], code: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        Keyring(KEYS).known(headers)
    assert caught.value.code == code
    assert (b"www-authenticate", b"Bearer") in caught.value.headers
    assert SECRET not in caught.value.message


def on(connection: dict[str, Any], keyring: Keyring, key: str) -> str | None:
    """The name of the caller of one more request on a connection."""
    caller = keyring.known({b"authorization": b"Bearer " + key.encode()}, connection)
    return None if caller is None else caller.name


def test_another_key_on_the_same_connection_is_another_caller() -> None:
    keyring, connection = Keyring(KEYS), dict[str, Any]()
    asked = [on(connection, keyring, key) for key in (SECRET, SECRET, "sk-team-b-0123456789", SECRET)]
    assert asked == ["team-a", "team-a", "team-b", "team-a"]
    with pytest.raises(Unauthorized):
        on(connection, keyring, SECRET + "x")
    with pytest.raises(Unauthorized):
        keyring.known({}, connection)


def test_a_key_that_a_new_configuration_does_not_have_is_nobodys_on_an_open_connection_too() -> None:
    connection: dict[str, Any] = {}
    assert on(connection, Keyring(KEYS), SECRET) == "team-a"
    with pytest.raises(Unauthorized):
        on(connection, Keyring(KEYS[1:]), SECRET)


def test_a_key_that_ends_is_nobodys_on_an_open_connection_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Keyring([Key(name="short", key=SECRET, expires="2033-05-18T03:33:20Z")])
    connection: dict[str, Any] = {}
    assert on(connection, ends, SECRET) == "short"
    monkeypatch.setattr(time, "time", lambda: 2_000_000_001.0)
    with pytest.raises(Unauthorized):
        on(connection, ends, SECRET)


def test_a_key_that_others_know_is_asked_for_each_time() -> None:
    changing = Changing(Caller("managed", ["*"]))
    keyring, connection = Keyring([], changing, guarded=True), dict[str, Any]()
    assert on(connection, keyring, "sk-managed") == "managed"
    changing.caller = None
    assert on(connection, keyring, "sk-managed") is None


class Changing:
    """A source whose keys may be taken away."""

    def __init__(self, caller: Caller | None) -> None:
        self.caller = caller

    def known(self, digest: bytes) -> Caller | None:
        return self.caller

    def takes(self, presented: bytes) -> bool:
        return True

    async def find(self, presented: bytes, digest: bytes) -> Caller:
        raise NotImplementedError


def test_without_keys_everybody_may_ask_for_everything() -> None:
    assert Keyring([]).known({b"authorization": b"Bearer any"}) is ANYBODY
    assert ANYBODY.allows("any/model")


def test_a_digest_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    class Watched:
        @staticmethod
        def compare_digest(known: Any, given: Any) -> bool:
            compared.append(len(known))
            return hmac.compare_digest(known, given)

    monkeypatch.setattr(keyring, "hmac", Watched)
    Keyring(KEYS).known({b"api-key": SECRET.encode()})
    assert compared == [32]


def test_keys_are_kept_as_digests_only() -> None:
    ring = Keyring(KEYS)
    kept = repr([vars_of(ring), [vars_of(caller) for group in ring._callers.values() for _, caller in group]])
    assert SECRET not in kept


def vars_of(slotted: Any) -> dict[str, Any]:
    return {name: getattr(slotted, name) for name in slotted.__slots__}


@pytest.mark.parametrize(
    ("patterns", "model", "allowed"),
    [
        (["*"], "any/thing", True),
        (["gpt"], "gpt", True),
        (["gpt"], "gpt-5", False),
        (["gpt"], "GPT", False),
        (["openai/*"], "openai/gpt-5", True),
        (["openai/*"], "openai", False),
        (["openai/*", "lab/*"], "lab/x", True),
        (["*/llama"], "lab/llama", True),
        (["a*c"], "abbc", True),
        (["a*c"], "a/b/c", True),
        ([], "gpt", False),
    ],
)
def test_models_are_allowed_by_name_or_pattern(patterns: list[str], model: str, allowed: bool) -> None:
    assert Caller("team", patterns).allows(model) is allowed


def test_a_model_that_is_not_allowed_is_forbidden() -> None:
    with pytest.raises(Forbidden) as caught:
        Caller("team", ["gpt"]).check(parse(b'{"model":"claude"}'))
    assert (caught.value.code, caught.value.param) == ("model_not_allowed", "model")
    Caller("team", ["gpt"]).check(parse(b'{"model":"gpt"}'))


def test_a_limited_key_may_not_name_further_models() -> None:
    body = parse(b'{"model":"gpt","models":["claude"]}')
    with pytest.raises(Forbidden) as caught:
        Caller("team", ["gpt"]).check(body)
    assert (caught.value.code, caught.value.param) == ("model_not_allowed", "models")
    Caller("team", ["*"]).check(body)


def test_only_a_star_stands_for_more_than_itself() -> None:
    caller = Caller("a", ["gpt-?", "lab/*", "x[12]"])
    assert caller.allows("gpt-?")
    assert caller.allows("lab/any/thing")
    assert not caller.allows("gpt-5")
    assert not caller.allows("x1")


def test_a_key_ends_when_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Keyring([Key(name="a", key=SECRET, expires="2027-01-31T18:00:00Z")])
    headers = {b"api-key": SECRET.encode()}
    end = datetime(2027, 1, 31, 18, tzinfo=UTC).timestamp()
    monkeypatch.setattr(time, "time", lambda: end - 1)
    assert named(ring, headers) == "a"
    monkeypatch.setattr(time, "time", lambda: end)
    with pytest.raises(Unauthorized) as caught:
        ring.known(headers)
    assert caught.value.code == "key_expired"


class Elsewhere:
    """A source that knows a secret by its beginning, and remembers whom it found."""

    def __init__(self) -> None:
        self.found: dict[bytes, Caller] = {}
        self.asked = 0

    def known(self, digest: bytes) -> Caller | None:
        return self.found.get(digest)

    def takes(self, presented: bytes) -> bool:
        return presented.startswith(b"elsewhere-")

    async def find(self, presented: bytes, digest: bytes) -> Caller:
        self.asked += 1
        return self.found.setdefault(digest, Caller(presented.decode(), ["*"]))


async def test_a_source_is_asked_once_and_only_for_what_has_its_form() -> None:
    source = Elsewhere()
    ring = Keyring(KEYS, source)
    headers = {b"api-key": b"elsewhere-1"}
    assert ring.known(headers) is None
    assert (await ring.identify(headers)).name == "elsewhere-1"
    assert named(ring, headers) == "elsewhere-1"
    assert (await ring.identify(headers)).name == "elsewhere-1"
    with pytest.raises(Unauthorized):
        ring.known({b"api-key": b"another-1"})
    assert source.asked == 1


def test_a_gateway_without_keys_of_its_own_may_be_guarded_all_the_same() -> None:
    with pytest.raises(Unauthorized):
        Keyring([], guarded=True).known({b"api-key": b"anything"})
