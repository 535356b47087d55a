"""GET /compatibility.json: what becomes of each field at the providers of a running gateway."""

from typing import Any

from tests.conftest import KEY, StartGateway
from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import RawClient


def get(gateway: GatewayProcess, key: str = "") -> tuple[int, Any]:
    authorization = f"authorization: Bearer {key}\r\n" if key else ""
    with RawClient(gateway.port) as client:
        client.send(f"GET /compatibility.json HTTP/1.1\r\nhost: g\r\n{authorization}\r\n".encode())
        answer = client.answer()
    return answer.status, answer.json


def test_the_configured_providers_are_told_of_with_what_their_settings_say(start_gateway: StartGateway) -> None:
    gateway = start_gateway(provider={"unsupported": ["seed"], "rename": {"max_completion_tokens": "max_tokens"}})
    status, told = get(gateway)
    assert status == 200
    assert list(told) == ["scripted"]
    chat = told["scripted"]["chat"]
    assert chat["seed"]["how"] == "unsupported"
    assert chat["max_completion_tokens"] == {"how": "mapped", "note": "max_tokens"}
    assert chat["temperature"]["how"] == "kept"


def test_a_key_is_needed_where_there_are_keys(gateway: GatewayProcess) -> None:
    assert get(gateway)[0] == 401
    assert get(gateway, KEY)[0] == 200
