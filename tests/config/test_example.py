import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import trustme
import yaml
from msgspec import Struct, inspect

from config.caching import Cache, CacheStore
from config.json_schema import json_schema
from config.loader import load
from config.routing import Hedge, Model
from config.schema import Config
from config.state import Records
from config.telemetry import Telemetry
from tests.config.loading import OPTION_TYPES

EXAMPLE = Path(__file__).parents[2] / "config" / "isthmus.example.yaml"
TEXT = EXAMPLE.read_text()
EVERYTHING = re.sub(r"^(?:( +)#|#(?=[a-z]|  ))", lambda start: start[1] or "", TEXT, flags=re.MULTILINE)
"""The example with its options that are off turned on."""
ENVIRON = {name: f"value-of-{name}" for name in re.findall(r"\$\{(\w+)\}", TEXT)} | {
    "OPENAI_API_KEY": "k",
    "GROQ_API_KEY": "k",
}


def test_the_example_loads() -> None:
    config = load(EXAMPLE, option_types=OPTION_TYPES, environ=ENVIRON)
    assert config.server == Config().server
    assert config.providers["second-account"].base_url == config.providers["openai"].base_url


def test_the_example_loads_with_everything_turned_on(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("lab.internal")
    (tmp_path / "tls").mkdir()
    for name in ("server", "client"):
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"tls/{name}.pem")
        issued.private_key_pem.write_to_path(tmp_path / f"tls/{name}.key")
    authority.cert_pem.write_to_path(tmp_path / "tls/lab-authority.pem")
    file = tmp_path / "isthmus.yaml"
    file.write_text(EVERYTHING)
    config = load(file, option_types=OPTION_TYPES, environ=ENVIRON)
    assert config.server.tls is not None
    assert config.providers["lab"].proxy is not None


def test_every_field_of_the_schema_is_in_the_example() -> None:
    written: dict[type[Struct], set[str]] = defaultdict(set)
    collect(yaml.safe_load(EVERYTHING), inspect.type_info(Config), written)
    missing = {cls.__name__: set(cls.__struct_fields__) - fields for cls, fields in written.items()}
    assert not any(missing.values()), missing


def collect(value: Any, expected: inspect.Type, written: dict[type[Struct], set[str]]) -> None:
    """Gather the names that stand in a value, by the Struct they are fields of."""
    match expected:
        case inspect.StructType():
            written[expected.cls] |= value.keys()
            for field in expected.fields:
                if field.name in value:
                    collect(value[field.name], field.type, written)
        case inspect.DictType():
            for item in value.values():
                collect(item, expected.value_type, written)
        case inspect.ListType():
            for item in value:
                collect(item, expected.item_type, written)
        case inspect.UnionType():
            collect(value, expected.types[0], written)


def test_the_example_keeps_to_the_json_schema() -> None:
    jsonschema.Draft202012Validator(json_schema(OPTION_TYPES)).validate(yaml.safe_load(EVERYTHING))


def test_the_example_names_the_defaults() -> None:
    server = yaml.safe_load(TEXT)["server"]
    server.pop("port")
    assert msgspec.convert(server, type(Config().server)) == Config().server


def test_the_example_names_the_defaults_of_the_other_sections() -> None:
    written = yaml.safe_load(TEXT)
    fast = written["models"]["fast"]
    model = Model(deployments=[])
    for section, defaults in (
        (fast["retry"], model.retry),
        (fast["cooldown"], model.cooldown),
        (fast["sticky"], model.sticky),
        (fast["hedge"], Hedge()),
        (fast["cache"], Cache()),
        (written["cache"], CacheStore()),
        (written["telemetry"], Telemetry()),
        (written["state"]["records"], Records()),
    ):
        section.pop("semantic", None)
        assert msgspec.convert(section, type(defaults)) == defaults
