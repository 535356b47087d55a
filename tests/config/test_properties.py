import copy
import math
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect, to_builtins

from config.json_schema import json_schema
from config.loader import loads
from config.mistakes import ConfigError
from config.schema import Config
from tests.config.loading import OPTION_TYPES

FIELDS = sorted(
    {name for definition in json_schema(OPTION_TYPES)["$defs"].values() for name in definition["properties"]}
)
TEXTS = st.sampled_from(["openai", "local", "azure", "${A}", "${B:-x}", "${", "http://h", "*", "a/b", "", "5", "\x85"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | TEXTS
NAMES = st.sampled_from([*FIELDS, "openai", "local", "m"]) | st.text(max_size=10)
TREES = st.recursive(
    SCALARS, lambda parts: st.lists(parts, max_size=4) | st.dictionaries(NAMES, parts, max_size=6), max_leaves=30
)
SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "server": TREES,
        "keys": st.lists(st.dictionaries(st.sampled_from(["name", "key", "models"]), TREES), max_size=3) | TREES,
        "providers": st.dictionaries(NAMES, st.dictionaries(NAMES, TREES, max_size=6), max_size=3) | TREES,
        "models": st.dictionaries(NAMES, st.dictionaries(st.just("deployments"), TREES)) | TREES,
        "other": TREES,
    },
)


def load(text: str) -> Config | ConfigError:
    try:
        return loads(text, option_types=OPTION_TYPES, environ={"A": "1"})
    except ConfigError as error:
        return error


def assert_explained(outcome: Config | ConfigError) -> None:
    if isinstance(outcome, ConfigError):
        assert outcome.mistakes
        assert str(outcome)
        assert all(each.line and each.column for each in outcome.mistakes)


@given(TREES | SECTIONS)
def test_whatever_the_values_the_loader_explains_itself(tree: Any) -> None:
    assert_explained(load(yaml.safe_dump(tree, allow_unicode=True)))


@given(st.text(alphabet=st.sampled_from("{}[]:,-#&*!|>'\"%@`?<~ \n\tab$1.\x00\r\ufeff\ud800"), max_size=60))
def test_whatever_the_text_the_loader_explains_itself(text: str) -> None:
    assert_explained(load(text))


@given(st.binary(max_size=40))
def test_whatever_the_bytes_the_loader_explains_itself(raw: bytes) -> None:
    assert_explained(load("providers: {local: {docs: " + raw.decode("latin-1") + "}}"))


VALID: dict[str, Any] = {
    "server": {"host": "127.0.0.1", "port": 1, "limits": {"body_bytes": 2048}, "timeouts": {"between_chunks": 1.5}},
    "keys": [{"name": "a", "key": "abcdefgh", "models": ["*"]}],
    "providers": {
        "lab": {
            "dialect": "openai",
            "base_url": "http://h",
            "rename": {"a": "b"},
            "embeddings": {"token_input": False},
        },
        "cloud": {"extends": "azure", "base_url": "https://h", "api_key": "k", "options": {"api_version": "v1"}},
        "local": {"operations": ["chat"], "timeouts": {"connect": 2}, "queue": 5},
    },
    "models": {"m": {"strategy": "ordered", "deployments": [{"provider": "lab", "model": "x"}]}},
}


def fields_of(value: Any, expected: inspect.Type, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], set[str]]]:
    """Where the fields of Structs stand in a value, each with all names that could stand there."""
    match expected:
        case inspect.StructType():
            known = {field.name: field.type for field in expected.fields}
            here = [((*path, name), set(known)) for name in value]
            return here + [each for name in value for each in fields_of(value[name], known[name], (*path, name))]
        case inspect.DictType():
            return [each for name in value for each in fields_of(value[name], expected.value_type, (*path, name))]
        case inspect.ListType():
            return [each for i, item in enumerate(value) for each in fields_of(item, expected.item_type, (*path, i))]
        case inspect.UnionType():
            return fields_of(value, expected.types[0], path)
    return []


def misspelled(name: str, edit: str, at: int, letter: str) -> str:
    at %= len(name)
    match edit:
        case "leave out":
            return name[:at] + name[at + 1 :]
        case "put in":
            return name[:at] + letter + name[at:]
        case "replace":
            return name[:at] + letter + name[at + 1 :]
    swapped = name[at : at + 2][::-1]
    return name[:at] + swapped + name[at + 2 :]


@given(
    st.sampled_from(fields_of(VALID, inspect.type_info(Config))),
    st.sampled_from(["leave out", "put in", "replace", "swap"]),
    st.integers(0, 30),
    st.sampled_from("abcdefghijklmnopqrstuvwxyz_-"),
)
def test_one_misspelled_field_is_the_one_mistake(
    field: tuple[tuple[Any, ...], set[str]], edit: str, at: int, letter: str
) -> None:
    (*around, name), known = field
    wrong = misspelled(name, edit, at, letter)
    if wrong in known:
        return
    tree = copy.deepcopy(VALID)
    section: Any = tree
    for step in around:
        section = section[step]
    section[wrong] = section.pop(name)
    outcome = load(yaml.safe_dump(tree))
    assert isinstance(outcome, ConfigError)
    assert [(each.found, each.nearest) for each in outcome.mistakes] == [(wrong, name)]


def test_the_configuration_that_is_misspelled_is_right() -> None:
    assert isinstance(load(yaml.safe_dump(VALID)), Config)


@given(st.integers(), st.floats())
def test_numbers_are_taken_exactly_in_their_bounds(port: int, seconds: float) -> None:
    outcome = load(yaml.safe_dump({"server": {"port": port, "drain_seconds": seconds}, "providers": {"local": {}}}))
    right = 0 <= port <= 65_535 and 0 < seconds <= 86_400
    if right:
        assert isinstance(outcome, Config)
        assert outcome.server.port == port
        assert math.isclose(outcome.server.drain_seconds, seconds)
    else:
        assert isinstance(outcome, ConfigError)


def test_what_was_loaded_can_be_loaded_again() -> None:
    written = to_builtins(load(yaml.safe_dump(VALID)))
    assert to_builtins(load(yaml.safe_dump(written))) == written
