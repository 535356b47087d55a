"""The digest of a request: what matters changes it, how it is written does not."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import Raw, structs

from adapters.inference.contract import NoOptions, Target
from adapters.wire.body import parse
from config.caching import Cache
from config.routing import Deployment, Model
from config.schema import Operation, Provider
from gateway.auth import Caller
from gateway.call import Call
from gateway.fingerprint import fingerprint
from gateway.route import Route

ALICE = Caller("alice-1", ["*"], owner="alice", team="red")
BASE: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hé\n"}],
    "tools": [
        {"type": "function", "function": {"name": "a", "parameters": {"type": "object", "properties": {}}}},
        {"type": "function", "function": {"name": "b"}},
    ],
    "temperature": 0.5,
    "n": 1,
    "seed": 7,
    "stop": ["x", "y"],
}

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.recursive(
    scalars | texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
field_names = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8).filter(
    lambda name: name not in ("model", "stream", "stream_options", "user", "metadata")
)


def a_route(settings: Provider | None = None, *, name: str = "m", model: str = "llama", **cache: Any) -> Route:
    provider = settings or Provider(base_url="http://lab/v1")
    target = Target("lab", model, Raw(b'"x"'), provider, NoOptions())
    deployments = [Deployment(provider="lab", model=model)]
    return Route(name, Model(deployments=deployments, cache=Cache(**cache)), (target,), (None,))


def of(
    fields: Mapping[str, Any] | bytes,
    caller: Caller = ALICE,
    route: Route | None = None,
    operation: Operation = "chat",
    unsupported: str | None = None,
    **headers: bytes,
) -> bytes:
    raw = (
        fields if isinstance(fields, bytes) else json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    )
    body = parse(raw)
    body.on_unsupported = unsupported
    call = Call(operation, b"req_1", caller, body, {name.encode(): value for name, value in headers.items()}, 0.0)
    call.route = route or a_route()
    return fingerprint(call)


@given(field_names, values, values)
def test_another_value_of_any_field_is_another_request(name: str, one: Any, other: Any) -> None:
    assume(json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True))
    assert of(BASE | {name: one}) != of(BASE | {name: other})


@given(field_names, values)
def test_a_field_more_is_another_request(name: str, value: Any) -> None:
    assume(name not in BASE)
    assert of(BASE | {name: value}) != of(BASE)


@given(values, st.integers(1, 4), st.booleans())
def test_white_space_escapes_and_the_order_of_fields_do_not_matter(value: Any, indent: int, escaped: bool) -> None:
    asked = BASE | {"messages": [value], "temperature": value}
    turned = dict(reversed(asked.items()))
    assert of(json.dumps(turned, indent=indent, ensure_ascii=escaped).encode()) == of(asked)


@pytest.mark.parametrize("field", ["messages", "tools", "response_format", "vendor_schema"])
@pytest.mark.parametrize("indent", [None, 1])
def test_the_order_of_keys_inside_a_field_matters(field: str, indent: int | None) -> None:
    schemas: list[Any] = [{"properties": {"why": {}, "what": {}}}, {"properties": {"what": {}, "why": {}}}]
    asked = [of(json.dumps(BASE | {field: schema}, indent=indent).encode()) for schema in schemas]
    assert asked[0] != asked[1]


@pytest.mark.parametrize("field", ["user", "metadata", "stream_options"])
@given(st.dictionaries(texts, texts, max_size=3))
def test_fields_that_change_no_answer_do_not_matter(field: str, value: dict[str, str]) -> None:
    assume("include_usage" not in value)
    assert of(BASE | {field: value}) == of(BASE)


def test_a_stream_is_the_same_request() -> None:
    assert of(BASE | {"stream": True, "stream_options": {"include_usage": True}}) == of(BASE)


def test_fields_that_the_route_ignores_do_not_matter() -> None:
    assert of(BASE | {"trace": 1}, route=a_route(ignore=["trace"])) == of(BASE, route=a_route(ignore=["trace"]))


@pytest.mark.parametrize(
    "change",
    [
        {"n": 2},
        {"seed": 8},
        {"temperature": 0.6},
        {"temperature": None},
        {"stop": ["y", "x"]},
        {"tools": BASE["tools"][::-1]},
        {"messages": BASE["messages"][::-1]},
        {"messages": BASE["messages"][:1]},
        {"model": "M"},
        {"max_tokens": 1},
        {"prompt_cache_key": "a"},
    ],
    ids=str,
)
def test_what_decides_the_answer_matters(change: dict[str, Any]) -> None:
    assert of(BASE | change) != of(BASE)


def test_a_number_is_what_was_written() -> None:
    numbers = (b"100.0", b"1E2", b"100")
    assert len({of(b'{"model":"m","a":%b}' % number) for number in numbers}) == 3
    for number in numbers:
        assert of(b'{"model": "m", "a": %b}' % number) == of(b'{"model":"m","a":%b}' % number)


@pytest.mark.parametrize("field", [b'{"b":1,"b":2}', b'[{"c":{"b":1,"b":2}}]', b'{"b":1, "b":2}', b'{"b":1e400}'])
def test_what_readers_may_read_differently_equals_nothing_else(field: bytes) -> None:
    raw = b'{"model":"m","messages":%b}'
    read = {of(raw % other) for other in (b'{"b":1}', b'{"b":2}', b'[{"c":{"b":2}}]', b'{"b":null}', b'[""]')}
    assert of(raw % field) not in read
    assert of(raw % field) == of(raw % field)


@given(texts, texts, st.sampled_from(["key", "owner"]))
def test_owners_never_share(one: str, other: str, scope: str) -> None:
    assume(one and other and one != other)
    route = a_route(scope=scope)
    callers = [Caller("k" + name, ["*"], owner=name) for name in (one, other)]
    assert of(BASE, callers[0], route) != of(BASE, callers[1], route)


@pytest.mark.parametrize(
    ("scope", "shares_with_the_same"),
    [("key", {"key"}), ("owner", {"key", "owner"}), ("team", {"key", "owner", "team"}), ("everybody", None)],
)
def test_who_shares_is_what_the_route_says(scope: str, shares_with_the_same: set[str] | None) -> None:
    others = {
        "owner": Caller("alice-2", ["*"], owner="alice", team="red"),
        "team": Caller("bob-1", ["*"], owner="bob", team="red"),
        "nothing": Caller("carol-1", ["*"], owner="carol", team="blue"),
    }
    route = a_route(scope=scope)
    for same, caller in others.items():
        shares = shares_with_the_same is None or same in shares_with_the_same
        assert (of(BASE, caller, route) == of(BASE, ALICE, route)) is shares


def test_an_owner_and_a_team_of_one_name_do_not_share() -> None:
    route = a_route(scope="team")
    alone, team = Caller("a", ["*"], owner="red"), Caller("b", ["*"], owner="x", team="red")
    assert of(BASE, alone, route) != of(BASE, team, route)


def test_the_operation_matters() -> None:
    assert of(BASE, operation="messages") != of(BASE, operation="count_tokens")


def test_the_header_on_unsupported_parameters_matters() -> None:
    assert of(BASE, unsupported="refuse") != of(BASE)


def test_headers_that_go_on_to_a_provider_matter() -> None:
    route = a_route(Provider(base_url="http://lab/v1", forward_headers=["Beta"]))
    assert of(BASE, route=route, beta=b"1") != of(BASE, route=route, beta=b"2")
    assert of(BASE, route=route, other=b"1") == of(BASE, route=route, other=b"2")


def test_where_the_route_leads_matters() -> None:
    lab = Provider(base_url="http://lab/v1")
    elsewhere = structs.replace(lab, base_url="http://elsewhere/v1")
    routes = [a_route(lab), a_route(elsewhere), a_route(lab, model="gemma"), a_route(lab, name="other")]
    assert len({of(BASE, route=route) for route in routes}) == 4


def test_how_a_provider_is_reached_does_not_matter() -> None:
    lab = Provider(base_url="http://lab/v1", api_key="one", connections=5)
    again = structs.replace(lab, api_key="two", connections=6, proxy="http://proxy")
    assert of(BASE, route=a_route(lab)) == of(BASE, route=a_route(again))
