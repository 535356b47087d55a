"""What `telemetry` needs that no type can say."""

import pytest

from tests.config.loading import read, refusal

HEAD = "providers: {local: {}}\ntelemetry: {otlp: "


@pytest.mark.parametrize("endpoint", ["localhost:4318", "grpc://localhost:4317", "http://", "http://a b"])
def test_an_endpoint_is_a_url(endpoint: str) -> None:
    (mistake,) = refusal(f'{HEAD}{{endpoint: "{endpoint}"}}}}').mistakes
    assert mistake.path == "telemetry.otlp.endpoint"
    assert mistake.allowed is not None
    assert "http://localhost:4318" in mistake.allowed


@pytest.mark.parametrize("header", ['"a b": x', '"x-team": "a\\nb"'])
def test_a_header_can_be_sent(header: str) -> None:
    (mistake,) = refusal(f'{HEAD}{{endpoint: "http://localhost:4318", headers: {{{header}}}}}}}').mistakes
    assert mistake.path.startswith("telemetry.otlp.headers.")


def test_what_is_right_is_taken() -> None:
    config = read(f'{HEAD}{{endpoint: "https://collector.lab:4318/base", headers: {{x-team: research}}}}}}')
    assert config.telemetry.otlp is not None
