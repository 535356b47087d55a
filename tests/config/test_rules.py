import hashlib
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from tests.config.loading import mistake, mistakes, read

KEY = "key-of-team-a"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()


def server(fields: str, keys: str = "[]") -> str:
    return f"{{server: {{{fields}}}, keys: {keys}, providers: {{local: {{}}}}}}"


def keys(*items: str) -> str:
    return f"{{keys: [{', '.join(items)}], providers: {{local: {{}}}}}}"


def models(text: str) -> str:
    return f"{{providers: {{local: {{}}, ollama: {{}}}}, models: {{{text}}}}}"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", '"::1"', "localhost"])
def test_an_open_gateway_may_listen_to_this_machine(host: str) -> None:
    assert read(server(f"host: {host}")).keys == []


@pytest.mark.parametrize("host", ["0.0.0.0", '"::"', "10.0.0.5", "gateway.internal"])
def test_an_open_gateway_may_not_listen_to_others(host: str) -> None:
    only = mistake(server(f"host: {host}"))
    assert (only.path, only.allowed) == ("server.host", "keys, or 127.0.0.1")


def test_a_gateway_with_keys_may_listen_to_others() -> None:
    assert read(server("host: 0.0.0.0", f"[{{name: a, key: {KEY}}}]")).server.host == "0.0.0.0"


def test_a_mistake_in_a_key_does_not_make_the_gateway_open() -> None:
    assert mistake(server("host: 0.0.0.0", "[{name: a, key: short}]")).path == "keys[0].key"


@pytest.mark.parametrize("host", ['"*"', '""', "a b", "http://h", "h/", '"[::1]"'])
def test_a_host_is_an_address_or_a_name(host: str) -> None:
    assert mistake(server(f"host: {host}")).problem == "no server can listen here"


def test_names_of_keys_are_distinct() -> None:
    only = mistake(keys("{name: a, key: abcdefgh}", "{name: a, key: hgfedcba}"))
    assert (only.path, only.problem, only.found) == ("keys[1].name", "keys[0] has this name", '"a"')


@pytest.mark.parametrize("twin", [KEY, f"'sha256:{DIGEST}'", f"'sha256:{DIGEST.upper()}'"])
def test_keys_are_distinct_however_they_are_written(twin: str) -> None:
    only = mistake(keys(f"{{name: a, key: {KEY}}}", f"{{name: b, key: {twin}}}"))
    assert (only.path, only.problem, only.found) == ("keys[1].key", "keys[0] is the same key", "<secret>")


def test_indices_stay_right_behind_a_key_with_a_mistake() -> None:
    found = mistakes(keys("{name: 5, key: x}", "{name: a, key: abcdefgh}", "{name: a, key: hgfedcba}"))
    assert [each.path for each in found] == ["keys[0].name", "keys[0].key", "keys[2].name"]


@pytest.mark.parametrize("key", ["sha256:abc", f"sha256:{'g' * 64}", f"sha256:{'0' * 65}"])
def test_a_digest_has_64_hex_digits(key: str) -> None:
    assert "64 hex digits" in mistake(keys(f"{{name: a, key: '{key}'}}")).problem


@pytest.mark.parametrize("key", ["with a space", "schlüssel", '"line\\nbreak"'])
def test_a_key_can_be_sent_in_a_header(key: str) -> None:
    assert mistake(keys(f"{{name: a, key: {key}}}")).problem == "no client could send this key"


def test_a_key_for_a_model_that_is_not_there_is_told_the_nearest() -> None:
    text = """
    providers: {local: {}}
    models: {fast: {deployments: [{provider: local, model: m}]}}
    keys: [{name: a, key: abcdefgh, models: [fats, fast, "f*"]}]
    """
    only = mistake(text)
    assert (only.path, only.nearest) == ("keys[0].models[0]", "fast")


def test_a_key_names_models_of_a_provider_only_where_none_are_listed() -> None:
    key = "keys: [{name: a, key: abcdefgh, models: [local/any]}]"
    assert read(f"providers: {{local: {{}}}}\n{key}").keys[0].models == ["local/any"]
    listed = "models: {fast: {deployments: [{provider: local, model: m}]}}"
    assert mistake(f"providers: {{local: {{}}}}\n{listed}\n{key}").path == "keys[0].models[0]"


def test_a_model_may_not_have_a_name_that_means_something_else() -> None:
    only = mistake(models("'local/m': {deployments: [{provider: ollama, model: x}]}"))
    assert only.path == 'models["local/m"]'
    assert only.problem == 'this name already means the model "m" of the provider local'


def test_a_model_may_have_a_slash_in_its_name() -> None:
    assert list(read(models("meta/llama: {deployments: [{provider: ollama, model: x}]}")).models) == ["meta/llama"]


@pytest.mark.parametrize("name", ['" a"', '"a\\tb"', '"a "'])
def test_a_models_name_can_be_asked_for(name: str) -> None:
    assert (
        "no spaces at its ends" in mistake(models(f"{name}: {{deployments: [{{provider: local, model: x}}]}}")).problem
    )


def test_a_deployment_at_no_provider_is_told_the_nearest_with_its_line() -> None:
    only = mistake("providers: {local: {}}\nmodels:\n  m:\n    deployments:\n      - {provider: lokal, model: x}\n")
    assert (only.path, only.line, only.column) == ("models.m.deployments[0].provider", 5, 20)
    assert (only.found, only.nearest) == ('"lokal"', "local")


def test_deployments_are_not_blamed_for_providers_that_can_not_be_read() -> None:
    assert mistake("{providers: [], models: {m: {deployments: [{provider: x, model: y}]}}}").path == "providers"


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    authority = trustme.CA()
    for name in ("one", "two"):
        issued = authority.issue_cert(f"{name}.test")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / f"{name}-both.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path


def tls(fields: str) -> str:
    return f"providers: {{local: {{tls: {{{fields}}}}}}}"


def test_certificates_are_found_beside_the_configuration(certificates: Path) -> None:
    config = read(server("tls: {cert_file: one.pem, key_file: one.key}"), folder=certificates)
    assert config.server.tls is not None
    assert config.server.tls.cert_file == str(certificates / "one.pem")


@pytest.mark.parametrize(
    "fields", ["ca_file: ca.pem", "cert_file: one.pem, key_file: one.key", "cert_file: one-both.pem"]
)
def test_a_provider_may_have_an_authority_and_a_certificate(certificates: Path, fields: str) -> None:
    assert read(tls(fields), folder=certificates).providers["local"].tls


@pytest.mark.parametrize(
    ("fields", "path", "problem"),
    [
        ("ca_file: absent.pem", "ca_file", "there is no such file"),
        ("ca_file: one.key", "ca_file", "no certificates can be read from it"),
        ("cert_file: one.pem, key_file: two.key", "cert_file", "can't be used together"),
        ("cert_file: one.pem", "cert_file", "can't be used together"),
        ("key_file: one.key", "key_file", "a key_file needs its cert_file"),
        ("cert_file: .", "cert_file", "there is no such file"),
        ("cert_file: ''", "cert_file", "not allowed here"),
        ("cert_file: ~nobody-of-that-name/x", "cert_file", "there is no such file"),
        ('cert_file: "a\\0b"', "cert_file", "there is no such file"),
    ],
)
def test_certificates_that_can_not_be_used_are_refused(
    certificates: Path, fields: str, path: str, problem: str
) -> None:
    only = mistake(tls(fields), folder=certificates)
    assert only.path == f"providers.local.tls.{path}"
    assert problem in only.problem


def test_an_encrypted_key_is_refused_and_no_password_is_asked_for(certificates: Path) -> None:
    key = serialization.load_pem_private_key((certificates / "one.key").read_bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")
    )
    (certificates / "locked.key").write_bytes(encrypted)
    only = mistake(tls("cert_file: one.pem, key_file: locked.key"), folder=certificates)
    assert only.path == "providers.local.tls.cert_file"
