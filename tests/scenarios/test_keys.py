"""Keys: how they are presented, hashed in the file, what each may ask for, and when none is needed."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import KEY, NARROW_KEY, UPSTREAM_KEY, StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import ask, chat
from tests.upstream import Upstream, event_stream, frame, json_answer


@pytest.mark.parametrize(
    "header",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer {KEY}"},
        {"authorization": "", "api_key": KEY},
        {"authorization": "", "x_api_key": KEY},
    ],
    ids=["bearer", "lower case", "api-key", "x-api-key"],
)
def test_a_key_is_taken_however_clients_send_it(gateway: GatewayProcess, header: dict[str, str]) -> None:
    assert ask(gateway.port, chat("scripted/talker"), **header).status == 200


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/rerank"])
def test_a_stranger_is_refused_before_its_body_is_read(gateway: GatewayProcess, path: str) -> None:
    answer = ask(gateway.port, b"{", path, authorization="Bearer wrong-key-000000", content_length="1000")
    assert answer.status == 401


@pytest.mark.parametrize("key", [KEY[:-1], KEY + "x", KEY.upper(), "", " ", KEY + " x"])
def test_a_key_that_is_almost_right_is_wrong(gateway: GatewayProcess, key: str) -> None:
    assert ask(gateway.port, chat("scripted/talker"), authorization=f"Bearer {key}").status == 401


@pytest.mark.parametrize(("model", "status"), [("talker", 200), ("talker-2", 200), ("embedder", 403), ("xtalker", 403)])
def test_a_key_reaches_the_models_it_may(gateway: GatewayProcess, model: str, status: int) -> None:
    answer = ask(gateway.port, chat(f"scripted/{model}"), authorization=f"Bearer {NARROW_KEY}")
    assert answer.status == status


def test_a_key_can_be_configured_as_its_digest(start_gateway: StartGateway) -> None:
    digest = hashlib.sha256(b"a-key-nobody-wrote-down").hexdigest()
    gateway = start_gateway(keys=[{"name": "hashed", "key": f"sha256:{digest}"}])
    assert ask(gateway.port, chat("scripted/talker"), authorization="Bearer a-key-nobody-wrote-down").status == 200
    assert ask(gateway.port, chat("scripted/talker"), authorization=f"Bearer {digest}").status == 401
    assert ask(gateway.port, chat("scripted/talker"), authorization=f"Bearer sha256:{digest}").status == 401


def test_without_keys_loopback_is_open(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    assert ask(gateway.port, chat("scripted/talker"), authorization="").status == 200
    assert ask(gateway.port, chat("scripted/talker"), authorization="Bearer anything").status == 200


def test_without_keys_another_address_is_refused_at_start(upstream: Upstream, tmp_path: Path) -> None:
    file = tmp_path / "isthmus.yaml"
    file.write_text(
        yaml.safe_dump({"server": {"host": "0.0.0.0", "port": 0}, "providers": {"openai": {"api_key": "x"}}})
    )
    run = subprocess.run(
        [sys.executable, "-m", "gateway", "serve", "--config", str(file)], capture_output=True, text=True, timeout=30
    )
    assert run.returncode == 2
    assert "keys" in run.stderr
    assert "Traceback" not in run.stderr


def test_no_key_and_no_prompt_is_ever_logged(gateway: GatewayProcess, upstream: Upstream) -> None:
    prompt, said = "the-prompt-9f3a", "the-answer-77bc"
    good = upstream.on(json_answer({"choices": [{"message": {"content": said}}]}))
    streamed = upstream.on(event_stream(frame({"choices": [{"index": 0, "delta": {"content": said}}]})))
    broken = upstream.on(json_answer({"error": {"message": f"{prompt} {UPSTREAM_KEY}"}}, status=500))
    for case in (good, streamed, broken):
        body = chat(case.model, stream=case is streamed, user=prompt)
        ask(gateway.port, body, x_request_id=f"log-{case.name}")
        ask(gateway.port, body, authorization="Bearer wrong-key-9f3a")
        ask(gateway.port, body, authorization="", x_api_key=KEY)
    ask(gateway.port, b'{"model": "%b' % prompt.encode())
    ask(gateway.port, chat("scripted/talker"))
    log = gateway.log
    assert f"log-{broken.name}" in log
    for secret in (prompt, said, KEY, UPSTREAM_KEY, "wrong-key-9f3a"):
        assert secret not in log
