"""Requests made from the served description, right ones and wrong ones: every answer is one that it promises."""

from typing import Any

import msgspec
import schemathesis
from hypothesis import HealthCheck, assume, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)

from gateway.api.openapi import description
from tests.conftest import KEY
from tests.fuzz.conftest import MODEL, TIMES
from tests.fuzz.operations import each_operation, holds_for_any_request
from tests.gateway.api.admin_client import ADMIN_KEY
from tests.gateway_process import GatewayProcess

schema = schemathesis.openapi.from_dict(msgspec.json.decode(description(with_keys=True)))
# A query that is wrong by its length is refused as too long before it is read, as the description says.
schema.config.checks.negative_data_rejection.expected_statuses.append("431")

NOT_TO_CHECK = [
    # It spoils one of the three headers that may hold the key, and leaves the right one in another.
    ignored_auth,
    # Of two parameters for times, and of the sizes of chunks, each may be right alone.
    positive_data_acceptance,
]
NO_TEXTS = {"group_by", "start_time", "end_time", "bucket_width", "limit", "page", "format"}
"""Parameters of the ledger that are no lists of any texts."""
KEPT = "^/v1/(files|uploads|vector_stores)"
NOT_FOR_ALL = {"mcp_servers", "thread"}
"""Members of a Messages request that are refused where the provider does not speak that format."""


@each_operation(schema.exclude(path_regex=KEPT))
def test_every_answer_is_one_that_the_description_promises(operation: Any, fuzzed: GatewayProcess) -> None:
    @settings(max_examples=150 * TIMES, deadline=None, suppress_health_check=list(HealthCheck))
    def is_promised(case: schemathesis.Case[Any]) -> None:
        if fits(case) and isinstance(case.body, dict) and len(str(case.body.get("model", ""))) % 2:
            case.body["model"] = MODEL
        assume(not isinstance(case.body, dict) or NOT_FOR_ALL.isdisjoint(case.body))
        assume(str(case.path_parameters.get("model", "m")).strip("/"))  # slashes at the end of a path are left out
        call(case, fuzzed)

    holds_for_any_request(operation, is_promised)


@each_operation(schema.include(path_regex=KEPT))
def test_so_is_every_answer_about_what_is_kept_on_a_disk(
    operation: Any, fuzzed: GatewayProcess, vector_store: str
) -> None:
    @settings(max_examples=20 * TIMES, deadline=None, suppress_health_check=list(HealthCheck))
    def is_promised(case: schemathesis.Case[Any]) -> None:
        if fits(case) and case.method != "DELETE" and "vector_store_id" in case.path_parameters:
            case.path_parameters["vector_store_id"] = vector_store
        call(case, fuzzed)

    holds_for_any_request(operation, is_promised)


def call(case: schemathesis.Case[Any], fuzzed: GatewayProcess) -> None:
    """Send a request and hold its answer to the description."""
    case.call_and_validate(
        base_url=fuzzed.url,
        headers={"authorization": f"Bearer {ADMIN_KEY if case.path.startswith('/admin') else KEY}"},
        excluded_checks=[
            *(NOT_TO_CHECK if depends(case) else NOT_TO_CHECK[:1]),
            *([negative_data_rejection] if is_right_on_the_wire(case) else []),
        ],
    )


def depends(case: schemathesis.Case[Any]) -> bool:
    """Whether two of its parts, each right alone, may not go together."""
    return case.path.startswith("/admin/usage") or "chunk_overlap_tokens" in str(case.body)


def is_right_on_the_wire(case: schemathesis.Case[Any]) -> bool:
    """Whether what is no list of texts stands in the query as one of a single text: `?error=null`."""
    lists = [value for name, value in (case.query or {}).items() if name not in NO_TEXTS]
    return case.path.startswith("/admin/usage") and any(
        not isinstance(each, list) or not all(isinstance(text, str) for text in each) for each in lists
    )


def fits(case: schemathesis.Case[Any]) -> bool:
    """Whether the request is meant to be right."""
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
