from pathlib import Path

import pytest

from config.redis_url import RedisUrl, parse_redis_url
from tests.config.loading import mistake

LOCAL = (("localhost", 6379),)


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("redis://localhost", RedisUrl("server", LOCAL)),
        ("redis://localhost/", RedisUrl("server", LOCAL)),
        ("redis://h:1/3", RedisUrl("server", (("h", 1),), database=3)),
        ("redis://[::1]:1", RedisUrl("server", (("::1", 1),))),
        ("rediss://localhost", RedisUrl("server", LOCAL, tls=True)),
        ("redis://:p%40ss@localhost", RedisUrl("server", LOCAL, password="p@ss")),
        ("redis://us%3Aer:pass@localhost/1", RedisUrl("server", LOCAL, user="us:er", password="pass", database=1)),
        ("unix:///run/redis.sock", RedisUrl("unix", (), path="/run/redis.sock")),
        (
            "unix://:pass@/run/redis.sock?db=2",
            RedisUrl("unix", (), path="/run/redis.sock", database=2, password="pass"),
        ),
        ("redis+sentinel://a,b:2/main", RedisUrl("sentinel", (("a", 26379), ("b", 2)), service="main")),
        (
            "rediss+sentinel://u:p@a/main/4",
            RedisUrl("sentinel", (("a", 26379),), tls=True, service="main", database=4, user="u", password="p"),
        ),
        ("redis+cluster://a:1,b", RedisUrl("cluster", (("a", 1), ("b", 6379)))),
    ],
)
def test_a_url_is_taken_apart(url: str, parsed: RedisUrl) -> None:
    assert parse_redis_url(url) == parsed


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost",
        "redis://",
        "redis://localhost:0",
        "redis://localhost:70000",
        "redis://a,b",
        "redis://localhost/first",
        "redis+sentinel://a,b",
        "redis+cluster://a/1",
        "unix://",
        "unix://host/run/redis.sock",
        "redis://u:sk-secret@host:port",
    ],
)
def test_what_is_no_url_is_told_without_its_secrets(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as raised:
        parse_redis_url(url)
    assert "sk-secret" not in str(raised.value)


def test_a_wrong_url_is_a_mistake_in_the_configuration() -> None:
    told = mistake("{providers: {local: {}}, state: {redis: {url: 'http://:sk-secret@localhost'}}}")
    assert told.path == "state.redis.url"
    assert "sk-secret" not in repr(told)


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "there is no such file"), ("no certificate", "no certificates can be read from it")]
)
def test_authorities_that_can_not_be_read_are_a_mistake(tmp_path: Path, content: str | None, problem: str) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    text = "{providers: {local: {}}, state: {redis: {url: rediss://localhost, ca_file: ca.pem}}}"
    told = mistake(text, folder=tmp_path)
    assert told.path == "state.redis.ca_file"
    assert problem in told.problem
