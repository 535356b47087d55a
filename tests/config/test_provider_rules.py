import pytest

from tests.config.loading import OPTION_TYPES, mistake, mistakes, read


def provider(fields: str, keys: str = "[]") -> str:
    return f"{{keys: {keys}, providers: {{lab: {{base_url: 'http://h/v1', {fields}}}}}}}"


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "https://api.example.com/v1/",
        "http://10.0.0.5:8000/v1",
        "http://[::1]:8000",
        "unix:///run/model.sock",
        "HTTP://h",
    ],
)
def test_urls_that_can_be_called(url: str) -> None:
    assert read(f"providers: {{lab: {{base_url: '{url}'}}}}").providers["lab"].base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "h:8000/v1",
        "ftp://h/",
        "http://",
        "http:///v1",
        "http://h:port/",
        "http://h:70000/",
        "http://h:0/",
        "http://[::1/",
        "http://h/v1?key=x",
        "http://h/v1#x",
        "http://h/v1?",
        "http://a b/",
        "http://ü/",
        "http://user:word@h/",
        "unix://run/x",
        "unix:///",
        "unix:/run/x",
        "http://ho%20st/",
        "",
    ],
)
def test_urls_that_can_not_be_called(url: str) -> None:
    assert mistake(f"providers: {{lab: {{base_url: '{url}'}}}}").path == "providers.lab.base_url"


@pytest.mark.parametrize("dialect", ["openai", "azure"])
def test_a_dialect_spoken_at_many_addresses_needs_one(dialect: str) -> None:
    only = mistake(f"providers:\n  groqq: {{dialect: {dialect}}}\n")
    assert (only.path, only.line, only.nearest) == ("providers.groqq.base_url", 2, "groq")


def test_an_inline_dialect_needs_no_address() -> None:
    assert read("providers: {mine: {dialect: local}}").providers["mine"].base_url is None


def test_a_row_that_lost_its_address_is_told_so() -> None:
    only = mistake("providers: {openai: {base_url: null, api_key: k}}")
    assert (only.path, only.nearest) == ("providers.openai.base_url", None)


def test_only_shipped_rows_are_extended() -> None:
    only = mistake("{providers: {local: {}, mine: {extends: gorq}}}")
    assert (only.path, only.nearest) == ("providers.mine.extends", "groq")


def test_an_unknown_dialect_is_told_the_nearest() -> None:
    only = mistake(provider("dialect: opnai"))
    assert (only.path, only.nearest, only.allowed) == (
        "providers.lab.dialect",
        "openai",
        ", ".join(sorted(OPTION_TYPES)),
    )


@pytest.mark.parametrize("auth", ["bearer", "none", "header:api-key", "header:X-Key"])
def test_ways_to_send_a_key(auth: str) -> None:
    assert read(provider(f"auth: '{auth}'")).providers["lab"].auth == auth


@pytest.mark.parametrize("auth", ["baerer", "header", "header:", "header:a b", "header:host", "query:key", ""])
def test_other_ways_are_refused(auth: str) -> None:
    assert mistake(provider(f"auth: '{auth}'")).allowed == "bearer, none, or header:<name>"


def test_the_nearest_way_is_told() -> None:
    assert mistake(provider("auth: beerer")).nearest == "bearer"


@pytest.mark.parametrize("key", ['""', '"a\\nb"', '"a\\r"', '" a"', '"a\\0"'])
def test_a_key_can_stand_in_a_header(key: str) -> None:
    only = mistake(provider(f"api_key: {key}"))
    assert (only.path, only.found) == ("providers.lab.api_key", "<secret>")


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ('{"a b": x}', "a"),
        ('{"": x}', "?"),
        ('{"x:": y}', "x"),
        ('{x-a: "b\\r\\nc: d"}', "x-a"),
        ('{x-a: "b\\nc"}', "x-a"),
        ('{x-a: " b"}', "x-a"),
        ('{x-a: "ж"}', "x-a"),
        ("{Host: h}", "Host"),
        ("{content-length: '5'}", "content-length"),
        ("{Transfer-Encoding: chunked}", "Transfer-Encoding"),
        ("{x-a: '1', X-A: '2'}", "X-A"),
        ("{Authorization: Bearer abc}", "Authorization"),
    ],
)
def test_headers_that_can_not_be_sent(headers: str, name: str) -> None:
    only = mistake(provider(f"api_key: k, headers: {headers}"))
    shown = f'["{name}"]' if name == "?" else f".{name}"
    assert only.path == f"providers.lab.headers{shown}"


@pytest.mark.parametrize(
    "fields", ["headers: {Authorization: a}", "auth: none, api_key: k, headers: {Authorization: a}"]
)
def test_a_header_may_take_the_keys_place(fields: str) -> None:
    assert read(provider(fields)).providers["lab"].headers == {"Authorization": "a"}


@pytest.mark.parametrize("name", ["X-Session", "a b", "''", "host", "connection"])
def test_headers_that_can_not_be_forwarded(name: str) -> None:
    assert mistake(provider(f"forward_headers: [x-a, {name}]")).path == "providers.lab.forward_headers[1]"


def test_a_header_to_forward_is_told_in_lower_case() -> None:
    assert mistake(provider("forward_headers: [X-Session]")).nearest == "x-session"


def test_the_gateways_own_key_is_never_forwarded() -> None:
    keys = "[{name: a, key: abcdefgh}]"
    assert "own key" in mistake(provider("forward_headers: [authorization]", keys)).problem


def test_a_callers_key_may_be_forwarded_where_the_gateway_has_none() -> None:
    assert read(provider("forward_headers: [authorization]")).providers["lab"].forward_headers == ["authorization"]


@pytest.mark.parametrize("proxy", ["http://p:3128", "http://user:word@p"])
def test_proxies(proxy: str) -> None:
    assert read(provider(f"proxy: '{proxy}'")).providers["lab"].proxy == proxy


@pytest.mark.parametrize("proxy", ["p:3128", "https://user:word@p", "socks5://p", "http://"])
def test_other_proxies_are_refused_and_not_shown(proxy: str) -> None:
    only = mistake(provider(f"proxy: '{proxy}'"))
    assert (only.path, only.found) == ("providers.lab.proxy", "<secret>")


def test_every_provider_is_checked() -> None:
    found = mistakes("providers: {a: {base_url: h}, b: {auth: x}}")
    assert [each.path for each in found] == ["providers.a.base_url", "providers.b.base_url", "providers.b.auth"]


def test_what_usage_is_asked_by_can_not_be_unsupported() -> None:
    only = mistake(provider("unsupported: [stream_options]"))
    assert only.path == "providers.lab.unsupported"
    assert "stream_usage" in (only.allowed or "")
    for told in ("sent", "never"):
        read(provider(f"unsupported: [stream_options], stream_usage: {told}"))
