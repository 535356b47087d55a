"""usage_based: where most is left of what the provider grants."""

import asyncio

from config.routing import Deployment
from gateway.routing.minute import Used
from gateway.routing.strategies.contract import Candidate
from gateway.routing.strategies.usage_based import UsageBased
from tests.gateway.calls import a_call
from tests.gateway.routing.candidates import candidate, names


def granted(name: str, requests: int | None = None, tokens: int | None = None) -> Candidate:
    deployment = Deployment(provider=name, model="llama", requests_per_minute=requests, tokens_per_minute=tokens)
    return candidate(name, deployment=deployment)


def use(each: Candidate, requests: int = 0, tokens: int = 0) -> None:
    each.standing.minute.add(asyncio.get_running_loop().time(), requests, tokens)


async def test_the_part_of_requests_that_is_left_counts() -> None:
    small, large = granted("small", requests=10), granted("large", requests=1_000)
    use(small, requests=2)
    use(large, requests=100)
    assert names(UsageBased().order(a_call(), [small, large])) == ["large", "small"]


async def test_the_scarcer_of_requests_and_tokens_counts() -> None:
    one, other = granted("one", requests=100, tokens=1_000), granted("other", requests=100)
    use(one, requests=1, tokens=900)
    use(other, requests=50)
    assert names(UsageBased().order(a_call(), [one, other])) == ["other", "one"]


async def test_what_is_under_way_counts_with_the_usual_tokens() -> None:
    one, other = granted("one", tokens=10_000), granted("other", tokens=10_000)
    one.standing.in_flight = 10
    use(other, tokens=500)
    assert names(UsageBased().order(a_call(), [one, other])) == ["other", "one"]


async def test_what_other_workers_used_counts() -> None:
    one, other = granted("one", requests=100), granted("other", requests=100)
    use(other, requests=5)
    one.standing.minute.hear(Used(60, 0), asyncio.get_running_loop().time())
    assert names(UsageBased().order(a_call(), [one, other])) == ["other", "one"]
