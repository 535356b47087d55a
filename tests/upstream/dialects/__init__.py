"""The scripted model behind other services' languages: each module is one service, strict as the service is.

A request below `/<name>/` or `/<name>-<family of models>/` goes to the module of that name. It is read with the
service's own SDK's types and refused where they refuse it, put to the scripted model, and answered in the service's
words. A new service is one module with an `answer`, and one entry in tests/clients/dialects.py.
"""

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tests.upstream.script import Step

if TYPE_CHECKING:
    from tests.upstream.server import Request

SERVICES = frozenset({"anthropic", "bedrock", "cohere", "gemini", "ollama", "vertex", "watsonx"})


def service_of(request: "Request") -> str | None:
    """The service that a request's path names."""
    name = request.line.split(" ")[1].split("/")[1].partition("-")[0]
    return name if name in SERVICES else None


def answer(service: str, request: "Request") -> Iterable[Step]:
    """The steps with which the service answers. SDKs are heavy, so a module is imported when it is asked."""
    steps: Iterable[Step] = importlib.import_module(f"{__name__}.{service}").answer(request)
    return steps
