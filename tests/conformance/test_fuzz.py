"""Requests made from OpenAI's description, right ones and wrong ones: none finds a fault of the gateway."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.conformance.description import Description, described
from tests.fuzz.conftest import TIMES
from tests.fuzz.operations import each_operation, holds_for_any_request
from tests.gateway_process import GatewayProcess
from tests.scenarios.vector_stores import client_of, sections, upload
from tests.upstream import Upstream

GROWTH_MAX = 64 * 1024 * 1024
REFUSALS = (400, 404, 405, 409, 413, 415)
KEY = "sk-isthmus-fuzzer-0123456789"

found = described()
if found is None:
    pytest.skip("OpenAI's description of its API is not here", allow_module_level=True)
description: Description = found
schema = schemathesis.openapi.from_dict(description.document)


@pytest.fixture(scope="module")
def fuzzed(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    config = {
        "server": {"port": 0},
        "keys": [{"name": "fuzzer", "key": KEY}],
        "providers": {"scripted": {"base_url": upstream.base_url}},
        "safety": {"checks": {"rules": {"type": "rules"}}},
        **sections(tmp_path_factory.mktemp("state")),
    }
    with GatewayProcess(config, tmp_path_factory.mktemp("gateway")) as running:
        before = running.memory
        yield running
        assert running.memory - before < GROWTH_MAX
    running.assert_no_fault(secrets=(KEY,))


@pytest.fixture(scope="module")
def known(fuzzed: GatewayProcess) -> dict[str, str]:
    """Ids that there are, by the names of parameters."""
    client = client_of(fuzzed, KEY)
    store, file = client.vector_stores.create(name="known").id, upload(client, b"An isthmus joins two lands.")
    batch = client.vector_stores.file_batches.create_and_poll(store, file_ids=[file]).id
    started = client.uploads.create(bytes=8, filename="a.txt", mime_type="text/plain", purpose="assistants").id
    return {"vector_store_id": store, "file_id": file, "batch_id": batch, "upload_id": started}


@each_operation(schema)
def test_any_request_has_a_proper_answer(operation: Any, fuzzed: GatewayProcess, known: dict[str, str]) -> None:
    @settings(max_examples=20 * TIMES, deadline=None, suppress_health_check=list(HealthCheck))
    def has_a_proper_answer(case: schemathesis.Case[Any]) -> None:
        if case.method != "DELETE" and not case.path.endswith("cancel") and len(str(case.path_parameters)) % 2:
            case.path_parameters |= {name: known[name] for name in case.path_parameters if name in known}
        response = case.call(base_url=fuzzed.base_url, headers={"authorization": f"Bearer {KEY}"})
        case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
        if response.status_code not in (200, 204):
            assert response.status_code in REFUSALS, response.text
            assert not description.faults_of_error(response.json())

    holds_for_any_request(operation, has_a_proper_answer)
