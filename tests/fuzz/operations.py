"""Schemathesis' tests of a description, each built when it runs.

Its own `schema.parametrize()` builds the requests of all operations while tests are collected: 12 seconds, in every
process of pytest-xdist.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from schemathesis import Case
from schemathesis.core.errors import InvalidSchema
from schemathesis.core.result import Ok, Result
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.schemas import APIOperation, BaseSchema

_Operation: TypeAlias = APIOperation[Any, Any, Any, Any]


def each_operation(schema: BaseSchema) -> pytest.MarkDecorator:
    """Run a test once for each operation of a description."""
    operations = [_readable(found) for found in schema.get_all_operations()]
    return pytest.mark.parametrize("operation", operations, ids=[each.label for each in operations])


def _readable(found: Result[_Operation, InvalidSchema]) -> _Operation:
    assert isinstance(found, Ok), found
    return found.ok()


def holds_for_any_request(operation: _Operation, test: Callable[[Case[Any]], None]) -> None:
    """Try a test with requests of an operation: the examples of the description, its corners, and random ones."""
    schema = operation.schema
    build_operation_test(
        config=schema.config,
        operation=operation,
        test_func=test,
        given_kwargs={},
        feedback=FeedbackSources(constants_value_source=make_constants_value_source(schema)),
    )()
