"""`options` of stores, backends and checks against their own types."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from msgspec import Struct

from config.json_schema import json_schema
from config.loader import load, loads
from config.mistakes import ConfigError, Mistake, UnusableBackend
from config.options import Offered, OptionTypes
from config.schema import Config
from tests.config.loading import OPTION_TYPES


class Place(Struct, forbid_unknown_fields=True):
    folder: str


class Index(Struct, forbid_unknown_fields=True):
    url: str
    shards: int = 3


class Strictness(Struct, forbid_unknown_fields=True):
    level: int = 5


OFFERED = Offered(stores={"local": Place}, backends={"near": Index, "other": None}, checks={"strict": Strictness})
STATE = "providers: {local: {}}\nstate: {records: {}}\n"
FILES = f"{STATE}files: {{store: local, options: {{folder: here}}}}\n"


def read(text: str, offered: Offered = OFFERED) -> Config:
    return loads(text, option_types=OPTION_TYPES, offered=offered, environ={"LEVEL": "4"})


def mistakes(text: str, offered: Offered = OFFERED) -> tuple[Mistake, ...]:
    with pytest.raises(ConfigError) as raised:
        read(text, offered)
    return raised.value.mistakes


def test_options_are_read_by_their_types_with_what_is_not_said() -> None:
    config = read(
        FILES + "vector_stores: {backends: {db: {type: near, options: {url: 'http://db'}}}}\n"
        "safety: {checks: {mine: {type: strict, options: {level: '${LEVEL}'}}, plain: {type: strict}}}\n"
    )
    assert config.files is not None
    assert config.vector_stores is not None
    assert config.files.options == {"folder": "here"}
    assert config.vector_stores.backends["db"].options == {"url": "http://db", "shards": 3}
    assert config.safety.checks["mine"].options == {"level": 4}
    assert config.safety.checks["plain"].options == {"level": 5}


@pytest.mark.parametrize(
    ("text", "line", "path"),
    [
        (f"{STATE}files:\n  options: {{folder: [1]}}\n", 4, "files.options.folder"),
        (f"{STATE}files:\n  store: local\n", 4, "files.options.folder"),
        (f"{FILES}vector_stores:\n  backends:\n    db: {{type: near, options: {{url: u, shards: many}}}}\n", 6,
         "vector_stores.backends.db.options.shards"),
        (f"{FILES}vector_stores:\n  backends:\n    db: {{type: near, options: {{url: u, shads: 2}}}}\n", 6,
         "vector_stores.backends.db.options.shads"),
        (f"{STATE}safety:\n  checks:\n    mine: {{type: strict, options: {{levels: 4}}}}\n", 5,
         "safety.checks.mine.options.levels"),
    ],
)  # fmt: skip
def test_a_mistake_in_them_has_its_line_and_path(text: str, line: int, path: str) -> None:
    (only,) = mistakes(text)
    assert (only.line, only.path) == (line, path)


@pytest.mark.parametrize(
    ("text", "path", "problem", "meant"),
    [
        (f"{STATE}files: {{store: locl}}\n", "files.store", "there is no such store of files", "local"),
        (f"{FILES}vector_stores: {{backends: {{db: {{type: naer}}}}}}\n", "vector_stores.backends.db.type",
         "there is no such vector backend", "near"),
        (f"{STATE}safety: {{checks: {{mine: {{type: stict}}}}}}\n", "safety.checks.mine.type",
         "there is no such safety check", "strict"),
    ],
)  # fmt: skip
def test_a_type_that_is_not_there_gets_the_nearest(text: str, path: str, problem: str, meant: str) -> None:
    (only,) = mistakes(text)
    assert (only.path, only.problem, only.nearest) == (path, problem, meant)


class Unusable(dict[str, type[Struct] | None]):
    """A backend that is there and can't be used."""

    def __getitem__(self, name: str) -> type[Struct] | None:
        raise UnusableBackend(name, "the package acme 1.0", "ImportError: no wings", "install wings")


def test_a_type_that_can_not_be_used_is_a_mistake_with_its_place() -> None:
    backends: OptionTypes = Unusable(acme=None)
    (only,) = mistakes(f"{FILES}vector_stores:\n  backends: {{db: {{type: acme}}}}\n", Offered(backends=backends))
    assert (only.line, only.path) == (5, "vector_stores.backends.db.type")
    assert only.problem == "the package acme 1.0: ImportError: no wings; install wings"


def test_options_that_nobody_can_judge_stay_as_they_are(tmp_path: Path) -> None:
    text = f"{FILES}vector_stores: {{backends: {{db: {{type: other, options: {{wings: [2, true]}}}}}}}}\n"
    (tmp_path / "isthmus.yaml").write_text(text)
    for config in (read(text), load(tmp_path / "isthmus.yaml", option_types=OPTION_TYPES, environ={})):
        assert config.vector_stores is not None
        assert config.vector_stores.backends["db"].options == {"wings": [2, True]}


@pytest.mark.parametrize(
    ("said", "is_right"),
    [
        ({"files": {"store": "local", "options": {"folder": "x"}}}, True),
        ({"files": {"store": "acme:STORE", "options": {"any": 1}}}, True),
        ({"files": {"store": "locl"}}, False),
        ({"files": {"store": "local", "options": {"fodler": "x"}}}, False),
        ({"vector_stores": {"backends": {"db": {"type": "near", "options": {"url": "u"}}}}}, True),
        ({"vector_stores": {"backends": {"db": {"type": "near", "options": {"shards": 2}}}}}, False),
        ({"safety": {"checks": {"mine": {"type": "strict", "options": {"level": "${LEVEL}"}}}}}, True),
        ({"safety": {"checks": {"mine": {"type": None}}}}, False),
    ],
)
def test_the_schema_knows_them(said: dict[str, object], is_right: bool) -> None:
    backends = {"near": Index}
    schema = json_schema(OPTION_TYPES, Offered(OFFERED.stores, backends, OFFERED.checks))
    assert Draft202012Validator(schema).is_valid(said) is is_right
