"""Tokens: whose are taken, whose are not, and what becomes of an issuer's keys."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from adapters.wire.errors import Unauthorized, Unavailable
from config.access import Issuer
from config.limits import Limit
from gateway.auth import Caller, Keyring, key_sets
from gateway.auth.sources import NoTokens, tokens_of
from gateway.auth.tokens import Tokens
from tests.services.issuer import AUDIENCE, IssuerServer


def settings(issuer: IssuerServer, **fields: Any) -> Issuer:
    return Issuer(issuer=issuer.url, audience=AUDIENCE, **fields)


async def identify(tokens: Tokens, token: str) -> Caller:
    """The caller of a token, as the door asks for it."""
    return await Keyring([], None, tokens, guarded=True).identify({b"authorization": f"Bearer {token}".encode()})


async def code_of(tokens: Tokens, token: str) -> str | None:
    with pytest.raises(Unauthorized) as caught:
        await identify(tokens, token)
    assert token not in caught.value.message
    return caught.value.code


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The issuer may be asked again at once."""
    monkeypatch.setattr(key_sets, "AGAIN_SECONDS", 0.0)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "RS512", "ES256", "ES384", "EdDSA"])
async def test_a_signed_token_names_its_caller(issuer: IssuerServer, algorithm: str) -> None:
    issuer.add_key("other", algorithm)
    caller = await identify(Tokens([settings(issuer)]), issuer.token("other"))
    assert (caller.name, caller.owner, caller.team, caller.allows("any")) == ("token:alice", "alice", None, True)


async def test_claims_say_what_the_caller_may(issuer: IssuerServer) -> None:
    limit = Limit(requests_per_minute=5)
    tokens = Tokens(
        [
            settings(
                issuer,
                owner_claim="email",
                owner_prefix="acme-",
                team_claim="team",
                organisation_claim="org",
                models_claim="models",
                models=["small"],
                limit=limit,
            )
        ]
    )
    caller = await identify(tokens, issuer.token(email="a@b.c", team="red", org="acme", models=["gpt", "local/*"]))
    assert (caller.owner, caller.team, caller.organisation, caller.limit) == ("acme-a@b.c", "red", "acme", limit)
    assert [caller.allows(name) for name in ("gpt", "local/x", "small")] == [True, True, False]
    spaced = await identify(tokens, issuer.token(email="a@b.c", models="gpt small"))
    assert [spaced.allows(name) for name in ("gpt", "small", "other")] == [True, True, False]
    default = await identify(tokens, issuer.token(email="a@b.c"))
    assert [default.allows(name) for name in ("gpt", "small")] == [False, True]


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": None},
        {"aud": ["one", "two"]},
        {"iss": "https://elsewhere.example.com"},
        {"iss": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"sub": None},
        {"sub": ""},
        {"sub": "line\nbreak"},
        {"sub": "a" * 300},
        {"models": 7},
        {"models": [7]},
    ],
)
async def test_claims_that_do_not_fit_are_refused(issuer: IssuerServer, claims: dict[str, Any]) -> None:
    assert await code_of(Tokens([settings(issuer, models_claim="models")]), issuer.token(**claims)) == "invalid_token"


async def test_one_of_several_audiences_is_enough(issuer: IssuerServer) -> None:
    assert (await identify(Tokens([settings(issuer)]), issuer.token(aud=["x", AUDIENCE]))).owner == "alice"


async def test_a_token_counts_from_its_beginning_to_its_end(
    issuer: IssuerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time())
    tokens = Tokens([settings(issuer)])
    assert await code_of(tokens, issuer.token(exp=now - 60)) == "token_expired"
    assert await code_of(tokens, issuer.token(nbf=now + 60)) == "token_expired"
    assert await identify(tokens, issuer.token(exp=now - 10, nbf=now + 10)), "clocks may differ by 30 s"
    known = issuer.token(exp=now + 5)
    assert await identify(tokens, known)
    monkeypatch.setattr(time, "time", lambda: now + 36.0)
    assert await code_of(tokens, known) == "token_expired"


def unsigned(issuer: IssuerServer, **header: Any) -> str:
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "alice", "exp": int(time.time()) + 60}
    parts = [json.dumps(part).encode() for part in ({"typ": "JWT", **header}, claims)]
    return ".".join(map(encoded, parts))


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


async def test_a_token_that_nobody_signed_is_refused(issuer: IssuerServer) -> None:
    tokens = Tokens([settings(issuer)])
    assert await code_of(tokens, issuer.token()[:-8] + "AAAAAAAA") == "invalid_token"
    for name in ("none", "None", "NONE"):
        assert await code_of(tokens, unsigned(issuer, alg=name, kid="first") + ".") == "invalid_api_key"
        assert await code_of(tokens, unsigned(issuer, alg=name, kid="first") + ".AAAA") == "invalid_token"


async def test_a_shared_secret_signs_nothing(issuer: IssuerServer) -> None:
    """The published key, taken for a secret of HMAC: the classic confusion."""
    secret = json.dumps(issuer.public("first")).encode()
    content = unsigned(issuer, alg="HS256", kid="first")
    forged = f"{content}.{encoded(hmac.digest(secret, content.encode(), 'sha256'))}"
    assert await code_of(Tokens([settings(issuer)]), forged) == "invalid_token"
    issuer.add_key("second")
    issuer.publish("first", kty="oct", k=encoded(secret))
    tokens = Tokens([settings(issuer)])
    assert await identify(tokens, issuer.token("second"))
    assert await code_of(tokens, forged) == "invalid_token"


async def test_a_key_signs_only_what_it_is_for(issuer: IssuerServer) -> None:
    issuer.add_key("weak", bits=1024)
    with pytest.warns(match="1024 bits"):
        weak = issuer.token("weak")
    issuer.add_key("curve", "ES256")
    issuer.add_key("sealing")
    issuer.publish("sealing", use="enc")
    issuer.add_key("only-384", "RS256")
    issuer.publish("only-384", alg="RS384")
    tokens = Tokens([settings(issuer)])
    assert await identify(tokens, issuer.token())
    assert await code_of(tokens, weak) == "invalid_token"
    for name in ("sealing", "only-384"):
        assert await code_of(tokens, issuer.token(name)) == "invalid_token", name
    assert await code_of(tokens, issuer.token("curve", header={"kid": "first"})) == "invalid_token"


async def test_keys_that_a_token_brings_along_are_not_used(issuer: IssuerServer) -> None:
    with IssuerServer() as mallory:
        brought = {"jwk": mallory.public("first"), "jku": f"{mallory.url}/keys", "kid": "first"}
        forged = mallory.token(header=brought, iss=issuer.url)
        assert await code_of(Tokens([settings(issuer)]), forged) == "invalid_token"
        assert mallory.requests == []


async def test_a_token_that_wants_what_nobody_understands_is_refused(issuer: IssuerServer) -> None:
    token = issuer.token(header={"crit": ["x-made-up"], "x-made-up": True})
    assert await code_of(Tokens([settings(issuer)]), token) == "invalid_token"


async def test_a_token_without_a_keys_name_means_the_only_key(issuer: IssuerServer) -> None:
    tokens = Tokens([settings(issuer)])
    assert await identify(tokens, issuer.token(header={"kid": None}))
    issuer.add_key("second")
    assert await code_of(Tokens([settings(issuer)]), issuer.token(header={"kid": None})) == "invalid_token"


@pytest.mark.parametrize("junk", ["eyJ.eyJ.x", "eyJh.eyJh.eyJh", "a.b.c", f"eyJ{'[' * 3000}.eyJ.x"])
async def test_what_only_looks_like_a_token_is_refused(issuer: IssuerServer, junk: str) -> None:
    assert await code_of(Tokens([settings(issuer)]), junk) in ("invalid_token", "invalid_api_key")
    assert issuer.requests == []


async def test_keys_are_fetched_once_for_all_who_come_at_once(issuer: IssuerServer) -> None:
    tokens = Tokens([settings(issuer)])
    callers = await asyncio.gather(*(identify(tokens, issuer.token(sub=f"user-{n}")) for n in range(20)))
    assert len({caller.owner for caller in callers}) == 20
    assert issuer.requests == ["/.well-known/openid-configuration", "/keys"]


async def test_a_checked_token_is_not_checked_again(issuer: IssuerServer) -> None:
    tokens = Tokens([settings(issuer)])
    token = issuer.token()
    first = await identify(tokens, token)
    assert tokens.known(hashlib.sha256(token.encode()).digest()) is first
    assert await identify(tokens, token) is first


async def test_where_the_keys_are_may_be_said(issuer: IssuerServer) -> None:
    assert await identify(Tokens([settings(issuer, jwks_url=f"{issuer.url}/keys")]), issuer.token())
    assert issuer.requests == ["/keys"]


async def test_a_new_key_is_fetched_when_a_token_names_it(issuer: IssuerServer, at_once: None) -> None:
    tokens = Tokens([settings(issuer)])
    await identify(tokens, issuer.token())
    issuer.add_key("second")
    await asyncio.gather(*(identify(tokens, issuer.token("second", sub=f"user-{n}")) for n in range(10)))
    assert issuer.key_requests == 2


async def test_made_up_keys_have_the_issuer_asked_once_in_ten_seconds(issuer: IssuerServer) -> None:
    tokens = Tokens([settings(issuer)])
    await identify(tokens, issuer.token())
    for number in range(20):
        assert await code_of(tokens, issuer.token(header={"kid": f"made-up-{number}"})) == "invalid_token"
    assert issuer.key_requests == 1


async def test_a_withdrawn_key_counts_no_more_once_the_keys_are_renewed(issuer: IssuerServer, at_once: None) -> None:
    tokens = Tokens([settings(issuer, refresh_seconds=0.01)])
    await identify(tokens, issuer.token())
    issuer.add_key("second")
    issuer.withdraw("first")
    await asyncio.sleep(0.02)
    await identify(tokens, issuer.token("second"))
    assert await code_of(tokens, issuer.token(sub="bob")) == "invalid_token"


async def test_stale_keys_are_renewed_while_nobody_waits(issuer: IssuerServer, at_once: None) -> None:
    tokens = Tokens([settings(issuer, refresh_seconds=0.01)])
    await identify(tokens, issuer.token())
    await asyncio.sleep(0.02)
    issuer.gate.clear()
    async with asyncio.timeout(5):
        assert await identify(tokens, issuer.token(sub="bob"))
    issuer.gate.set()


@pytest.mark.parametrize("fault", ["gone", "failing", "talking nonsense", "without keys", "endless"])
async def test_the_last_keys_go_on_while_the_issuer_has_a_fault(
    issuer: IssuerServer, at_once: None, fault: str
) -> None:
    tokens = Tokens([settings(issuer, refresh_seconds=0.01)])
    await identify(tokens, issuer.token())
    await asyncio.sleep(0.02)
    match fault:
        case "gone":
            issuer.stop()
        case "failing":
            issuer.status = 500
        case "talking nonsense":
            issuer.document = b"<html>"
        case "without keys":
            issuer.document = b'{"keys": []}'
        case "endless":
            issuer.document = b" " * 2_000_000
    assert await code_of(tokens, issuer.token(header={"kid": "unknown"})) == "invalid_token"
    assert await identify(tokens, issuer.token(sub="bob"))


async def test_without_any_keys_nobody_can_tell(issuer: IssuerServer) -> None:
    issuer.stop()
    tokens = Tokens([settings(issuer)])
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await identify(tokens, issuer.token())
        assert (caught.value.code, caught.value.status) == ("issuer_unavailable", 503)


async def test_an_issuer_that_says_it_is_another_is_not_believed(issuer: IssuerServer) -> None:
    said = Issuer(issuer=f"{issuer.url}/", audience=AUDIENCE)
    with pytest.raises(Unavailable):
        await identify(Tokens([said]), issuer.token(iss=said.issuer))
    assert issuer.key_requests == 0


async def test_fetched_keys_outlive_a_reload_that_changes_other_things(issuer: IssuerServer) -> None:
    before = Tokens([settings(issuer)])
    await identify(before, issuer.token())
    same = tokens_of([settings(issuer)], before)
    changed = tokens_of([settings(issuer, refresh_seconds=5)], before)
    assert isinstance(same, Tokens)
    assert isinstance(changed, Tokens)
    await identify(same, issuer.token())
    assert issuer.key_requests == 1
    await identify(changed, issuer.token())
    assert issuer.key_requests == 2


async def test_without_the_library_tokens_are_unavailable_and_keys_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gateway.auth.tokens", None)
    source = tokens_of([Issuer(issuer="https://i.example.com", audience="a")], None)
    assert isinstance(source, NoTokens)
    ring = Keyring([], None, source, guarded=True)
    with pytest.raises(Unavailable, match=r"isthmus\[oidc\]"):
        await ring.identify({b"api-key": b"eyJh.eyJh.x"})
    with pytest.raises(Unauthorized):
        ring.known({b"api-key": b"some-key"})
