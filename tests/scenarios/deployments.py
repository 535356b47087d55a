"""Routes of several deployments at the scripted upstream, for scenarios of routing."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tests.gateway_process import GatewayProcess
from tests.scenarios.raw import Answer, ask, chat
from tests.upstream import Case, Step, Upstream, json_answer

ERROR = {"error": {"message": "Down.", "type": "server_error"}}
DOWN: tuple[Step, ...] = tuple(json_answer(ERROR, status=500))


def answering(upstream: Upstream, number: int) -> list[Case]:
    """So many deployments that answer at once."""
    return [upstream.on(json_answer({})) for _ in range(number)]


def deployments(cases: Iterable[Case], *settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Their lines in a configuration, each with its own settings."""
    cases = list(cases)
    own = list(settings) or [{}] * len(cases)
    return [{"provider": "scripted", "model": case.name, **more} for case, more in zip(cases, own, strict=True)]


def asked(gateway: GatewayProcess, model: str = "m", **fields: Any) -> str | None:
    """The deployment that answered a call."""
    answer = answer_of(gateway, model, **fields)
    assert answer.status == 200, answer.body
    return answer.header("x-isthmus-model")


def answer_of(gateway: GatewayProcess, model: str = "m", **fields: Any) -> Answer:
    """The answer to a call."""
    return ask(gateway.port, chat(model, **fields))


def tally(gateway: GatewayProcess, calls: int, model: str = "m", **fields: Any) -> Counter[str | None]:
    """Which deployment answered how many of them."""
    return Counter(asked(gateway, model, **fields) for _ in range(calls))
