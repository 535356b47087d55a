"""URLs to origins, and heads that nothing can be smuggled into."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.head import InvalidSetting, Origin, build_head, origin_of


@pytest.mark.parametrize(
    ("url", "origin", "authority", "target"),
    [
        ("http://h/v1/models", Origin("http", "h", 80), "h", "/v1/models"),
        ("https://API.Example.com/v1", Origin("https", "api.example.com", 443), "api.example.com", "/v1"),
        ("https://h:443/", Origin("https", "h", 443), "h", "/"),
        ("http://h:8000", Origin("http", "h", 8000), "h:8000", "/"),
        ("http://h:8000?api-version=1", Origin("http", "h", 8000), "h:8000", "/?api-version=1"),
        ("http://10.0.0.5:8000/v1?a=b&c=%20", Origin("http", "10.0.0.5", 8000), "10.0.0.5:8000", "/v1?a=b&c=%20"),
        ("http://[::1]:8000/v1", Origin("http", "::1", 8000), "[::1]:8000", "/v1"),
        ("http://[::1]/v1", Origin("http", "::1", 80), "[::1]", "/v1"),
        ("unix:///run/e.sock/v1/models", Origin("unix", "localhost", 0, "/run/e.sock"), "localhost", "/v1/models"),
        ("unix:///run/e.sock:/v1/models", Origin("unix", "localhost", 0, "/run/e.sock"), "localhost", "/v1/models"),
        ("unix:///run/e.sock", Origin("unix", "localhost", 0, "/run/e.sock"), "localhost", "/"),
        ("unix:///run/engine:/v1/m:x", Origin("unix", "localhost", 0, "/run/engine"), "localhost", "/v1/m:x"),
        ("unix:///a.sock.d/e.sock/v1", Origin("unix", "localhost", 0, "/a.sock.d/e.sock"), "localhost", "/v1"),
    ],
)
def test_origin_and_target_of_a_url(url: str, origin: Origin, authority: str, target: str) -> None:
    assert origin_of(url) == origin
    assert build_head("POST", url, []) == f"POST {target} HTTP/1.1\r\nhost: {authority}\r\n".encode()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h/v1",
        "ftp://h/v1",
        "http:/h",
        "http://",
        "http:///v1",
        "http://h:port/v1",
        "http://h:70000/v1",
        "http://user:password@h/v1",
        "http://h/v1#fragment",
        "http://h/with space",
        "http://h/a\r\nx: y",
        "http://h/a\tb",
        "http://h/a\0b",
        "http://h/ü",
        "http://hä/v1",
        "http://h\\x/v1",
        "http://[::1/v1",
        "unix://run/e.sock",
        "unix://",
        "unix:///run/e.sock:v1",
    ],
)
def test_refuses_a_url_that_cannot_be_sent(url: str) -> None:
    with pytest.raises(InvalidSetting):
        build_head("POST", url, [])


def test_headers_follow_in_their_order_and_spelling() -> None:
    head = build_head(
        "POST", "http://h/v1", [(b"X-B", b"2"), (b"x-a", b"1"), (b"x-a", "ü".encode()), (b"x-tab", b"a\tb")]
    )
    assert head.endswith(b"host: h\r\nX-B: 2\r\nx-a: 1\r\nx-a: \xc3\xbc\r\nx-tab: a\tb\r\n")


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\nb", b"a\0", b" a", b"\xc3\xbc", b"(a)"])
def test_refuses_a_name_that_is_no_token(name: bytes) -> None:
    with pytest.raises(InvalidSetting):
        build_head("POST", "http://h/", [(name, b"1")])


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\rb", b"a\nb", b"a\0b", b"a\x1bb", b"\x7f"])
def test_refuses_a_value_with_controls_and_does_not_repeat_it(value: bytes) -> None:
    with pytest.raises(InvalidSetting, match="authorization") as refused:
        build_head("POST", "http://h/", [(b"authorization", b"Bearer sk-secret" + value)])
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "name", [b"content-length", b"Content-Length", b"transfer-encoding", b"host", b"connection", b"upgrade", b"expect"]
)
def test_refuses_headers_that_belong_to_the_connection(name: bytes) -> None:
    with pytest.raises(InvalidSetting, match="belongs to the connection"):
        build_head("POST", "http://h/", [(name, b"1")])


@pytest.mark.parametrize("method", ["", "post", "GET /x", "GET\r\n"])
def test_refuses_a_method_that_is_none(method: str) -> None:
    with pytest.raises(InvalidSetting):
        build_head(method, "http://h/", [])


@given(st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=12)), max_size=4))
def test_a_head_has_exactly_the_lines_it_was_given(headers: list[tuple[bytes, bytes]]) -> None:
    try:
        head = build_head("POST", "http://h/", headers)
    except InvalidSetting:
        return
    lines = head.split(b"\r\n")
    assert lines[2:] == [b"%b: %b" % header for header in headers] + [b""]
    assert not any(control in line for line in lines for control in (b"\r", b"\n", b"\0"))
