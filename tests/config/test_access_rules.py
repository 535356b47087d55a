"""Keys' addresses and ends, issuers, the admin API and its database: what is a mistake, and what is not."""

import pytest

from tests.config.loading import mistake, read

KEY = "key-of-team-a-0123"
RECORDS = "state: {records: {}}"


def with_key(fields: str) -> str:
    return f"{{keys: [{{name: a, key: {KEY}, {fields}}}], providers: {{local: {{}}}}}}"


def with_issuers(*issuers: str) -> str:
    return f"{{issuers: [{', '.join(issuers)}], providers: {{local: {{}}}}}}"


@pytest.mark.parametrize("network", ["10.0.0.0/8", "192.0.2.7", "'2001:db8::/32'", "'::1'"])
def test_a_network_may_be_an_address(network: str) -> None:
    assert len(read(with_key(f"addresses: [{network}]")).keys[0].addresses) == 1
    assert read(f"{{server: {{trusted_proxies: [{network}]}}, providers: {{local: {{}}}}}}").server.trusted_proxies


@pytest.mark.parametrize("network", ["10.0.0.1/8", "localhost", "10.0.0.0/33", "'*'"])
def test_what_is_no_network_is_named(network: str) -> None:
    assert mistake(with_key(f"addresses: [10.0.0.0/8, {network}]")).path == "keys[0].addresses[1]"
    proxies = f"{{server: {{trusted_proxies: [{network}]}}, providers: {{local: {{}}}}}}"
    assert mistake(proxies).path == "server.trusted_proxies[0]"


@pytest.mark.parametrize("moment", ["2027-01-31", "2027-01-31T18:00:00Z", "2027-01-31T18:00:00+02:00", "2001-01-01"])
def test_a_key_ends_on_a_day_or_at_a_time(moment: str) -> None:
    assert read(with_key(f"expires: '{moment}'")).keys[0].expires == moment


@pytest.mark.parametrize("moment", ["tomorrow", "2027-02-30", "31.01.2027"])
def test_what_is_no_time_is_named(moment: str) -> None:
    only = mistake(with_key(f"expires: '{moment}'"))
    assert (only.path, only.problem) == ("keys[0].expires", "no such time")


@pytest.mark.parametrize("url", ["https://login.example.com/", "http://127.0.0.1:9000", "http://localhost/keys"])
def test_keys_of_tokens_come_over_https_or_from_this_machine(url: str) -> None:
    assert read(with_issuers(f"{{issuer: '{url}', audience: a, jwks_url: '{url}'}}")).issuers[0].issuer == url


@pytest.mark.parametrize("url", ["http://login.example.com", "ftp://x", "login.example.com", "https://a b"])
@pytest.mark.parametrize("name", ["issuer", "jwks_url"])
def test_other_places_of_keys_are_refused(name: str, url: str) -> None:
    fields = {"issuer": "https://login.example.com", "jwks_url": "https://login.example.com/keys", name: url}
    said = ", ".join(f"{key}: '{value}'" for key, value in fields.items())
    assert mistake(with_issuers(f"{{audience: a, {said}}}")).path == f"issuers[0].{name}"


def test_the_owners_of_two_issuers_stay_apart() -> None:
    first, second = (f"{{issuer: 'https://{name}.example.com', audience: a}}" for name in "ab")
    only = mistake(with_issuers(first, second))
    assert only.path == "issuers[1].owner_prefix"
    assert len(read(with_issuers(first, second.replace("audience", "owner_prefix: b-, audience"))).issuers) == 2


def test_an_issuer_stands_once() -> None:
    one = "{issuer: 'https://a.example.com', audience: a, owner_prefix: %s}"
    assert mistake(with_issuers(one % "a-", one % "b-")).path == "issuers[1].issuer"


def test_the_admin_api_needs_a_database() -> None:
    only = mistake("{admin: {key: admin-key-0123456789}, providers: {local: {}}}")
    assert (only.path, only.found) == ("admin", "no state.records")
    assert read(f"{{admin: {{key: admin-key-0123456789}}, {RECORDS}, providers: {{local: {{}}}}}}").admin is not None


@pytest.mark.parametrize("key", ["admin key 0123456789", "sha256:0123456789abcdef"])
def test_the_credential_is_one_that_can_be_sent(key: str) -> None:
    only = mistake(f"{{admin: {{key: '{key}'}}, {RECORDS}, providers: {{local: {{}}}}}}")
    assert (only.path, only.found) == ("admin.key", "<secret>")


def test_the_credential_is_no_key_of_a_client() -> None:
    only = mistake(f"{{admin: {{key: {KEY}}}, {RECORDS}, keys: [{{name: a, key: {KEY}}}], providers: {{local: {{}}}}}}")
    assert (only.path, only.found) == ("admin.key", "<secret>")


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@host/db", "postgres://host/db", "postgresql:///db?host=/run", "sqlite:///x.db"]
)
def test_a_database_is_postgresql_or_sqlite(url: str) -> None:
    records = read(f"{{state: {{records: {{url: '{url}'}}}}, providers: {{local: {{}}}}}}").state.records
    assert records is not None
    assert records.url == url


@pytest.mark.parametrize("url", ["mysql://u:secret@host/db", "postgresql://u:secret@host:port/db", "secret"])
def test_another_database_is_refused_without_its_password(url: str) -> None:
    only = mistake(f"{{state: {{records: {{url: '{url}'}}}}, providers: {{local: {{}}}}}}")
    assert only.path == "state.records.url"
    assert "secret" not in str(only).replace("<secret>", "")


@pytest.mark.parametrize("guard", ["admin: {key: admin-key-0123456789}, state: {records: {}}", "issuers: [%s]"])
def test_issuers_and_the_admin_api_guard_an_address_as_keys_do(guard: str) -> None:
    said = guard.replace("%s", "{issuer: 'https://a.example.com', audience: a}")
    config = read(f"{{server: {{host: 0.0.0.0}}, {said}, providers: {{local: {{}}}}}}")
    assert config.server.host == "0.0.0.0"
