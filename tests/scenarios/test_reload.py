"""SIGHUP: the file is checked first, swapped in one step, and running requests finish on the old one."""

import signal
from typing import Any

import pytest

from tests.conftest import StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import CHUNK, RawClient, ask, chat
from tests.scenarios.test_client_disconnect import until
from tests.upstream import Gate, Upstream, event_stream, frame, json_answer


def config(upstream: Upstream, *models: str, **provider: Any) -> dict[str, Any]:
    deployments = [{"provider": "scripted", "model": "talker"}]
    return {
        "server": {"port": 0},
        "providers": {"scripted": {"base_url": upstream.base_url, **provider}},
        "models": {name: {"deployments": deployments} for name in models},
    }


def reload(gateway: GatewayProcess, word: str = "configuration reloaded") -> None:
    """Tell it to reload, and wait until it says how that went."""
    before = gateway.log.count(word)
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: gateway.log.count(word) > before)


def test_a_new_model_appears_and_an_old_one_goes(start_gateway: StartGateway, upstream: Upstream) -> None:
    gateway = start_gateway(**{name: value for name, value in config(upstream, "old").items() if name == "models"})
    assert ask(gateway.port, chat("new")).status == 404
    gateway.write_config(config(upstream, "new"))
    reload(gateway)
    assert ask(gateway.port, chat("new")).status == 200
    assert ask(gateway.port, chat("old")).status == 404


def test_a_running_stream_finishes_on_the_old_configuration(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(event_stream(CHUNK, gate := Gate(), frame("[DONE]")))
    gateway = start_gateway(provider={"headers": {"x-old": "1"}})
    with RawClient(gateway.port) as client:
        client.post(chat(case.model, stream=True))
        client.head()
        chunks = client.chunks()
        assert next(chunks) == CHUNK
        gateway.write_config({"server": {"port": 0}, "providers": {"other": {"base_url": upstream.base_url}}})
        reload(gateway)
        assert ask(gateway.port, chat(case.model)).status == 404
        assert ask(gateway.port, chat("other/talker")).status == 200
        gate.open()
        assert list(chunks) == [frame("[DONE]")]


def test_changed_settings_of_a_provider_count_for_new_requests(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}))
    gateway = start_gateway(provider={"api_key": "first-upstream-key"})
    ask(gateway.port, chat(case.model))
    gateway.write_config({**config(upstream, api_key="second-upstream-key"), "models": {}})
    reload(gateway)
    ask(gateway.port, chat(case.model))
    assert [one.header("authorization") for one in case.requests] == [
        "Bearer first-upstream-key",
        "Bearer second-upstream-key",
    ]
    gateway.assert_no_fault(secrets=["first-upstream-key", "second-upstream-key"])


def test_connections_of_an_unchanged_provider_are_kept(start_gateway: StartGateway, upstream: Upstream) -> None:
    case = upstream.on(json_answer({}))
    gateway = start_gateway()
    ask(gateway.port, chat(case.model))
    gateway.write_config(
        {
            "server": {"port": 0},
            "providers": {"scripted": {"base_url": upstream.base_url}, "more": {"base_url": upstream.base_url}},
        }
    )
    reload(gateway)
    ask(gateway.port, chat(case.model))
    assert len({one.connection for one in case.requests}) == 1


def test_new_keys_count_at_once(start_gateway: StartGateway, upstream: Upstream) -> None:
    keyed = config(upstream, "any") | {"keys": [{"name": "a", "key": "first-key-0123"}]}
    gateway = start_gateway(keys=keyed["keys"], models=keyed["models"])
    assert ask(gateway.port, chat("any"), authorization="Bearer first-key-0123").status == 200
    gateway.write_config(keyed | {"keys": [{"name": "a", "key": "second-key-0123"}]})
    reload(gateway)
    assert ask(gateway.port, chat("any"), authorization="Bearer first-key-0123").status == 401
    assert ask(gateway.port, chat("any"), authorization="Bearer second-key-0123").status == 200


def test_a_wrong_file_changes_nothing_and_is_explained(start_gateway: StartGateway, upstream: Upstream) -> None:
    gateway = start_gateway(models=config(upstream, "kept")["models"])
    for wrong in ("server: {prot: 1}\n", "providers: [", "\x00", ""):
        gateway.config_file.write_text(wrong)
        if wrong:
            reload(gateway, word="was not reloaded")
            assert ask(gateway.port, chat("kept")).status == 200
    assert "prot" in gateway.log
    assert "port" in gateway.log
    gateway.config_file.unlink()
    reload(gateway, word="was not reloaded")
    assert ask(gateway.port, chat("kept")).status == 200


def test_what_needs_a_restart_is_said(start_gateway: StartGateway, upstream: Upstream) -> None:
    gateway = start_gateway()
    changed = {"server": {"port": 0, "request_log": True}, "telemetry": {"log": "json"}}
    gateway.write_config(config(upstream) | changed | {"state": {"redis": {"url": "redis://127.0.0.1:1"}}})
    reload(gateway)
    assert "server.request_log, state.redis, telemetry.log: changes after a restart only" in gateway.log


def test_every_worker_says_what_needs_a_restart(start_gateway: StartGateway, upstream: Upstream) -> None:
    gateway = start_gateway({"workers": 2})
    gateway.write_config(config(upstream) | {"server": {"port": 1, "workers": 3, "request_log": True}})
    reload(gateway)
    until(lambda: gateway.log.count("server.port, server.workers, server.request_log: changes after a restart") == 2)
    assert ask(gateway.port, chat("scripted/talker")).status == 200


def test_what_the_command_line_says_needs_no_restart(start_gateway: StartGateway, upstream: Upstream) -> None:
    gateway = start_gateway({"port": 1}, "--port", "0", "--workers", "2")
    gateway.write_config(config(upstream) | {"server": {"port": 2, "workers": 3}})
    reload(gateway)
    until(lambda: gateway.log.count("configuration reloaded") == 2)
    assert "after a restart" not in gateway.log


def test_what_needs_a_restart_is_said_until_it_needs_none(start_gateway: StartGateway, upstream: Upstream) -> None:
    gateway = start_gateway()
    for port, said in ((1, 1), (1, 2), (0, 2)):
        gateway.write_config(config(upstream) | {"server": {"port": port}})
        reload(gateway)
        assert gateway.log.count("server.port: changes after a restart only") == said


@pytest.mark.parametrize("workers", [1, 2])
def test_keys_may_not_go_while_other_machines_reach_it(
    start_gateway: StartGateway, upstream: Upstream, workers: int
) -> None:
    gateway = start_gateway(
        {"host": "0.0.0.0", "workers": workers},
        keys=[{"name": "a", "key": "first-key-0123"}],
        telemetry={"metrics": False},
    )
    gateway.write_config(config(upstream) | {"server": {"port": 0, "host": "127.0.0.1", "workers": workers}})
    reload(gateway, word="was not reloaded")
    assert ask(gateway.port, chat("scripted/talker")).status == 401


def test_many_reloads_in_a_row_are_survived(start_gateway: StartGateway, upstream: Upstream) -> None:
    gateway = start_gateway()
    for number in range(20):
        gateway.write_config(config(upstream, f"model-{number}"))
        gateway.process.send_signal(signal.SIGHUP)
        assert ask(gateway.port, chat("nowhere")).status == 404
    until(lambda: ask(gateway.port, chat("model-19")).status == 200)
