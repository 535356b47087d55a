from pathlib import Path

import pytest
from msgspec import Struct

from config.document import MAX_BYTES
from config.loader import load, loads
from config.mistakes import ConfigError, UnusableDialect
from tests.config.loading import OPTION_TYPES, mistake, read

DESIGN = """
server: {host: 127.0.0.1, port: 8000, workers: 1}
keys:
  - {name: team-a, key: "${TEAM_A_KEY}", models: ["*"]}
providers:
  openai: {}
  lab: {dialect: openai, base_url: "http://10.0.0.5:8000/v1", api_key: "${LAB_KEY}"}
models:
  gpt: {deployments: [{provider: openai, model: gpt-5}]}
  fast:
    strategy: ordered
    deployments:
      - {provider: groq, model: llama-3.3-70b-versatile}
      - {provider: lab, model: llama}
"""


def test_without_a_file_local_models_files_and_vector_stores_are_served_to_this_machine() -> None:
    config = load(None, option_types=OPTION_TYPES, environ={})
    assert None not in (config.state.records, config.files, config.vector_stores)
    assert [check.type for check in config.safety.checks.values()] == ["rules"]
    assert list(config.providers) == ["local"]
    assert config.providers["local"].dialect == "local"
    assert config.server.host == "127.0.0.1"


def test_a_file_is_read_as_written() -> None:
    environ = {"TEAM_A_KEY": "key-of-team-a", "LAB_KEY": "key-of-lab", "OPENAI_API_KEY": "k", "GROQ_API_KEY": "g"}
    config = read(DESIGN, environ)
    assert config.keys[0].key == "key-of-team-a"
    assert config.providers["lab"].api_key == "key-of-lab"
    assert [deployment.provider for deployment in config.models["fast"].deployments] == ["groq", "lab"]


def test_a_shipped_row_that_only_a_deployment_names_is_a_provider() -> None:
    config = read(
        "{providers: {local: {}}, models: {fast: {deployments: [{provider: groq, model: m}]}}}", {"GROQ_API_KEY": "g"}
    )
    assert config.providers["groq"].base_url == "https://api.groq.com/openai/v1"
    assert config.providers["groq"].api_key == "g"


def test_a_provider_named_like_a_row_starts_from_it() -> None:
    lab = read("providers: {ollama: {base_url: 'http://gpu:11434/v1'}}").providers["ollama"]
    assert lab.base_url == "http://gpu:11434/v1"
    assert lab.dialect == "ollama"
    assert lab.docs is not None


def test_a_provider_without_any_field_is_the_row() -> None:
    text = "providers:\n  local:\n  ollama: null\n"
    assert list(read(text).providers) == ["local", "ollama"]


def test_extends_starts_from_a_row_under_another_name() -> None:
    fast = read("providers: {fast: {extends: groq, api_key: other}}").providers["fast"]
    assert fast.base_url == "https://api.groq.com/openai/v1"
    assert fast.api_key == "other"
    assert fast.extends == "groq"


def test_mappings_of_a_row_join_name_by_name_and_lists_are_replaced() -> None:
    text = "providers: {o: {extends: ollama, unsupported: [seed], embeddings: {max_inputs: 5}}}"
    provider = read(text).providers["o"]
    assert provider.unsupported == ["seed"]
    assert provider.embeddings.max_inputs == 5
    assert provider.embeddings.token_input is False


def test_null_takes_a_value_of_the_row_away() -> None:
    provider = read(
        "providers: {o: {extends: lmstudio, api_key: null, rename: {max_completion_tokens: null}}}"
    ).providers["o"]
    assert provider.api_key is None
    assert provider.rename == {}


def test_a_variable_of_a_row_is_not_asked_for_where_the_field_is_written() -> None:
    assert read("providers: {openai: {api_key: mine}}").providers["openai"].api_key == "mine"


def test_options_become_what_the_dialect_says() -> None:
    text = """
    providers:
      azure:
        base_url: https://r.openai.azure.com
        api_key: k
        options: {api_version: 2024-10-21}
    """
    assert read(text).providers["azure"].options == {"api_version": "2024-10-21", "service_principal": None}


def test_a_providers_timeouts_come_from_the_server_where_it_says_none() -> None:
    config = read("{server: {timeouts: {total: 60}}, providers: {local: {}, ollama: {timeouts: {connect: 1}}}}")
    assert config.providers["local"].timeouts is None
    timeouts = config.providers["ollama"].timeouts
    assert timeouts is not None
    assert (timeouts.connect, timeouts.total) == (1, 60)


def test_the_command_line_wins() -> None:
    config = read("{server: {port: 1, workers: 2}, providers: {local: {}}}", server={"port": 9000, "host": "::1"})
    assert (config.server.host, config.server.port, config.server.workers) == ("::1", 9000, 2)


def test_the_command_line_is_checked_like_the_file() -> None:
    with pytest.raises(ConfigError) as raised:
        load(None, option_types=OPTION_TYPES, environ={}, server={"host": "0.0.0.0", "port": 70_000})
    by_path = {mistake.path: mistake for mistake in raised.value.mistakes}
    assert by_path.keys() == {"server.host", "server.port"}
    assert by_path["server.port"].line is None


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "isthmus.yaml"
    file.write_bytes(b"\xef\xbb\xbfproviders: {local: {}}\n")
    assert list(load(file, option_types=OPTION_TYPES, environ={}).providers) == ["local"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: it can't be read: No such file or directory"):
        load(tmp_path / "absent.yaml", option_types=OPTION_TYPES, environ={})


def test_a_file_that_is_not_utf_8_is_refused_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "isthmus.yaml"
    file.write_bytes(b"providers:\n  local: {docs: \xff}\n")
    with pytest.raises(ConfigError) as raised:
        load(file, option_types=OPTION_TYPES, environ={})
    assert [(each.problem, each.line) for each in raised.value.mistakes] == [("this is not UTF-8", 2)]


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "isthmus.yaml"
    file.write_text("# é" * MAX_BYTES)
    with pytest.raises(ConfigError, match="too large"):
        load(file, option_types=OPTION_TYPES, environ={})


def test_relative_files_start_at_the_folder_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "isthmus.yaml"
    file.write_text("{providers: {local: {tls: {ca_file: authority.pem}}}}")
    (tmp_path / "authority.pem").write_text("no certificate")
    with pytest.raises(ConfigError) as raised:
        load(file, option_types=OPTION_TYPES, environ={})
    (only,) = raised.value.mistakes
    assert only.problem.startswith("no certificates can be read from it")


def test_sections_may_stand_empty() -> None:
    config = read("server:\nkeys:\nmodels:\nproviders:\n  local:\n")
    assert (config.keys, config.models, config.server.port) == ([], {}, 8000)


def test_a_file_without_providers_is_told_what_to_write() -> None:
    only = mistake("server: {port: 1}")
    assert (only.path, only.allowed) == ("providers", "at least one, for example `openai: {}`")


class Unusable(dict[str, type[Struct] | None]):
    """A dialect that is there and can't be used."""

    def __getitem__(self, dialect: str) -> type[Struct] | None:
        raise UnusableDialect(dialect, "the package acme 1.0", "ImportError: no wings", "install wings")


def test_a_dialect_that_can_not_be_used_is_a_mistake_with_its_place() -> None:
    text = "providers:\n  acme: {dialect: acme}\n"
    with pytest.raises(ConfigError) as raised:
        loads(text, option_types=Unusable(acme=None), environ={})
    (only,) = raised.value.mistakes
    assert (only.line, only.path) == (2, "providers.acme.dialect")
    assert only.problem == "the package acme 1.0: ImportError: no wings; install wings"


def test_options_that_nobody_can_judge_stay_as_they_are() -> None:
    text = "providers: {acme: {dialect: acme, options: {wings: [2, true]}}}"
    config = loads(text, option_types={"acme": None}, environ={})
    assert config.providers["acme"].options == {"wings": [2, True]}
