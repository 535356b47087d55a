import math
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from config.loader import loads
from tests.config.loading import OPTION_TYPES, mistake, mistakes, read


def server(field: str) -> str:
    return f"{{server: {{{field}}}, providers: {{local: {{}}}}}}"


@pytest.mark.parametrize(
    ("field", "found", "allowed"),
    [
        ("port: 65536", "65536", "a whole number from 0 to 65535"),
        ("port: -1", "-1", "a whole number from 0 to 65535"),
        ("port: 80.5", "80.5", "a whole number from 0 to 65535"),
        ("port: '8000'", '"8000"', "a whole number from 0 to 65535"),
        ("port: eighty", '"eighty"', "a whole number from 0 to 65535"),
        ("port: 010", "010", "a whole number from 0 to 65535"),
        ("port: 0x50", "0x50", "a whole number from 0 to 65535"),
        ("port: 1:20", "1:20", "a whole number from 0 to 65535"),
        ("port: [80]", "a list", "a whole number from 0 to 65535"),
        ("port: {a: 80}", "a mapping", "a whole number from 0 to 65535"),
        ("port: ", "nothing", "a whole number from 0 to 65535"),
        ("port: true", "true", "a whole number from 0 to 65535"),
        ("drain_seconds: 0", "0", "a number over 0 up to 86400"),
        ("drain_seconds: .inf", ".inf", "a number over 0 up to 86400"),
        ("drain_seconds: .nan", ".nan", "a number over 0 up to 86400"),
        ("drain_seconds: 1e999", '"1e999"', "a number over 0 up to 86400"),
        ("request_log: 1", "1", "true or false"),
        ("request_log: 'true'", '"true"', "true or false"),
        ("limits: 5", "a number", None),
        ("limits: {body_bytes: 10}", "10", "a whole number from 1024 to 2147483648"),
        ("host: 127.1", "127.1", "text"),
        ("host: no", "no", "text"),
        ("host: ", "nothing", "text"),
    ],
)
def test_what_does_not_fit_is_told_what_would(field: str, found: str, allowed: str | None) -> None:
    only = mistake(server(field))
    assert only.found == found
    assert allowed is None or only.allowed == allowed


@pytest.mark.parametrize(
    ("written", "seconds"), [("5", 5), ("0.5", 0.5), (".5", 0.5), ("1e2", 100), ("1_000", 1000), ("+3", 3), ("2.", 2)]
)
def test_numbers_are_decimal(written: str, seconds: float) -> None:
    assert math.isclose(read(server(f"drain_seconds: {written}")).server.drain_seconds, seconds)


@pytest.mark.parametrize("written", ["true", "True", "yes", "on"])
def test_booleans_are_yamls(written: str) -> None:
    assert read(server(f"request_log: {written}")).server.request_log is True


@pytest.mark.parametrize("written", ["no", "on", "5", "2024.10", "0x10"])
def test_text_that_yaml_takes_for_something_else_wants_quotes(written: str) -> None:
    only = mistake(f"providers: {{local: {{docs: {written}}}}}")
    assert "put it in quotes" in only.problem
    assert only.found == written


def test_a_date_is_text_because_nothing_else_could_be_meant() -> None:
    assert read("providers: {local: {docs: 2024-10-21}}").providers["local"].docs == "2024-10-21"


def test_a_number_in_quotes_is_told_to_leave_them_away() -> None:
    assert mistake(server("port: '8000'")).problem == "the quotes make this text: leave them away"


def test_an_unknown_choice_is_told_the_choices_and_the_nearest() -> None:
    only = mistake("providers: {local: {operations: [chat, embedings]}}")
    assert (only.path, only.nearest) == ("providers.local.operations[1]", "embeddings")
    assert only.allowed == "chat or completions or count_tokens or embeddings or messages or moderations or rerank"


def test_a_missing_field_is_reported_where_it_should_stand() -> None:
    only = mistake("providers: {local: {}}\nkeys:\n  - name: a\n")
    assert (only.path, only.line, only.problem) == ("keys[0].key", 3, "this field is missing")


def test_names_of_providers_are_bounded() -> None:
    names = ["a b", "-a", "a/b", "é", "x" * 129, "a\\n"]
    found = mistakes("providers: {" + ", ".join(f'"{name}": {{extends: local}}' for name in names) + "}")
    assert len(found) == len(names)
    assert {each.problem for each in found} == {"this can't be a name here"}


def test_a_list_that_needs_items_says_how_many() -> None:
    only = mistake("{providers: {local: {}}, models: {m: {deployments: []}}}")
    assert (only.found, only.allowed) == ("a list of 0", "a list of 1 or more")


def test_options_of_another_dialect_are_unknown() -> None:
    only = mistake("providers: {openai: {api_key: k, options: {api_version: v1}}}")
    assert only.path == "providers.openai.options.api_version"
    assert only.allowed == "nothing: it has no fields"


def test_options_are_checked_like_everything_else() -> None:
    text = """
    providers:
      azure:
        base_url: https://a
        api_key: k
        options: {service_principal: {tenant_id: t}, api_version: "7"}
    """
    assert {each.path.removeprefix("providers.azure.options.") for each in mistakes(text)} == {
        "service_principal.client_id",
        "service_principal.client_secret",
        "api_version",
    }


def test_what_a_dialect_refuses_by_itself_is_a_mistake_with_its_place() -> None:
    only = mistake("providers:\n  local:\n    options: {models: {unknown-model: {}}}\n")
    assert only.path.startswith("providers.local.options")
    assert (only.line, "unknown-model" in only.problem) == (3, True)


class Inner(Struct, frozen=True, forbid_unknown_fields=True):
    size: Annotated[float, Meta(lt=2, description="less than two")] = 1


class OwnOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What the author of a dialect may think of."""

    parts: Annotated[list[Inner], Meta(description="parts")] = []
    anything: Any = None


class TwoTypes(Struct, frozen=True):
    """What the loader does not read."""

    either: int | str = 1


def own(options: str, cls: type[Struct] = OwnOptions) -> dict[str, Any]:
    types = OPTION_TYPES | {"own": cls}
    text = f"providers: {{x: {{dialect: own, options: {options}}}}}"
    return loads(text, option_types=types, environ={}).providers["x"].options


def test_options_may_hold_what_nothing_says_the_type_of() -> None:
    assert own("{anything: {a: [1, 1.5, true, null, x, '5', 0x10, !!bool x]}}")["anything"] == {
        "a": [1, 1.5, True, None, "x", "5", "0x10", "x"]
    }


def test_options_may_be_described_at_every_level() -> None:
    assert own("{parts: [{size: 1.5}]}")["parts"] == [{"size": 1.5}]


def test_a_type_that_is_not_read_is_the_authors_mistake() -> None:
    with pytest.raises(TypeError, match="one type or nothing"):
        own("{either: 1}", TwoTypes)
