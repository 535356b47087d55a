"""Callers with tokens of an identity provider, through a whole gateway: its keys rotate, it is slow, it is gone."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import Answer, ask, chat
from tests.services.issuer import AUDIENCE, IssuerServer

FILE_KEY = "sk-of-the-file-0123456789"


def start(start_gateway: StartGateway, issuer: IssuerServer, **fields: Any) -> GatewayProcess:
    """A gateway that takes tokens of this issuer."""
    said = {"issuer": issuer.url, "audience": AUDIENCE, **fields}
    return start_gateway({"request_log": True}, keys=[{"name": "file", "key": FILE_KEY}], issuers=[said])


def present(gateway: GatewayProcess, token: str, model: str = "scripted/talker") -> Answer:
    return ask(gateway.port, chat(model), authorization=f"Bearer {token}")


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


def test_a_token_is_used_like_a_key(start_gateway: StartGateway, issuer: IssuerServer) -> None:
    gateway = start(start_gateway, issuer, models_claim="models")
    token = issuer.token(models=["scripted/talker*"])
    with openai.OpenAI(base_url=gateway.base_url, api_key=token, max_retries=0) as client:
        for _ in range(2):
            answer = client.chat.completions.create(
                model="scripted/talker", messages=[{"role": "user", "content": "Hi"}]
            )
            assert answer.choices[0].message.content
        assert [model.id for model in client.models.list().data if not model.id.startswith("scripted/talker")] == []
    assert refusal(present(gateway, token, "scripted/embedder")) == (403, "model_not_allowed")
    assert '"token:alice"' in gateway.log
    assert issuer.key_requests == 1


def test_only_good_tokens_are_taken_and_none_is_logged(start_gateway: StartGateway, issuer: IssuerServer) -> None:
    gateway = start(start_gateway, issuer)
    issuer.add_key("unpublished", published=False)
    bad = {
        "wrong audience": (issuer.token(aud="another"), "invalid_token"),
        "wrong issuer": (issuer.token(iss="https://elsewhere.example.com"), "invalid_token"),
        "expired": (issuer.token(exp=int(time.time()) - 60), "token_expired"),
        "too early": (issuer.token(nbf=int(time.time()) + 60), "token_expired"),
        "another's key": (issuer.token("unpublished", header={"kid": "first"}), "invalid_token"),
        "unknown key": (issuer.token("unpublished"), "invalid_token"),
        "cut": (issuer.token()[:-6], "invalid_token"),
    }
    for name, (token, code) in bad.items():
        answer = present(gateway, token)
        assert refusal(answer) == (401, code), name
        assert answer.header("www-authenticate") == "Bearer"
    good = issuer.token()
    assert present(gateway, good).status == 200
    assert present(gateway, FILE_KEY).status == 200
    for token in (good, *(token for token, _ in bad.values())):
        assert token.rpartition(".")[2] not in gateway.log
        assert token.split(".")[1] not in gateway.log


def test_each_owner_has_the_limit(start_gateway: StartGateway, issuer: IssuerServer) -> None:
    gateway = start(start_gateway, issuer, limit={"requests_per_minute": 2})
    answered = [present(gateway, issuer.token(sub="alice", jti=str(number))).status for number in range(3)]
    assert answered == [200, 200, 429]
    assert present(gateway, issuer.token(sub="bob")).status == 200


def test_a_slow_issuer_is_asked_once_and_delays_nobody_else(start_gateway: StartGateway, issuer: IssuerServer) -> None:
    gateway = start(start_gateway, issuer, jwks_url=f"{issuer.url}/keys")
    issuer.gate.clear()
    with ThreadPoolExecutor(20) as crowd:
        waiting = [crowd.submit(present, gateway, issuer.token(sub=f"user-{number}")) for number in range(20)]
        assert present(gateway, FILE_KEY).status == 200
        assert not any(answer.done() for answer in waiting)
        issuer.gate.set()
        assert {answer.result().status for answer in waiting} == {200}
    assert issuer.key_requests == 1


def test_an_issuer_that_is_gone_takes_nothing_along_but_what_it_never_told(
    start_gateway: StartGateway, issuer: IssuerServer
) -> None:
    known, strange = start(start_gateway, issuer), start(start_gateway, issuer)
    assert present(known, issuer.token()).status == 200
    issuer.stop()
    assert present(known, issuer.token(sub="bob")).status == 200
    answer = present(strange, issuer.token())
    assert refusal(answer) == (503, "issuer_unavailable")
    assert answer.header("retry-after") == "10"
    assert present(strange, FILE_KEY).status == 200


def test_a_gateway_with_issuers_is_not_open(start_gateway: StartGateway, issuer: IssuerServer) -> None:
    gateway = start_gateway(issuers=[{"issuer": issuer.url, "audience": AUDIENCE}])
    assert refusal(ask(gateway.port, chat("scripted/talker"), authorization="")) == (401, "missing_api_key")
    assert refusal(present(gateway, "anything")) == (401, "invalid_api_key")
    assert present(gateway, issuer.token()).status == 200
