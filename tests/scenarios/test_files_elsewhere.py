"""Files that live with a provider: another gateway speaks OpenAI's API, a shelf speaks Anthropic's and Gemini's."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.gateway_process import GatewayProcess
from tests.services.file_shelf import ANTHROPIC_KEY, GEMINI_KEY, FileShelf

KEY, OTHER_KEY = "sk-files-first-owner-0123456789", "sk-files-other-owner-0123456789"
PROVIDER_KEY = "sk-of-the-provider-0123456789"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """What passes for OpenAI."""
    folder = tmp_path_factory.mktemp("provider")
    config = {
        "server": {"port": 0},
        "keys": [{"name": "customer", "key": PROVIDER_KEY}],
        "providers": {"nobody": {"base_url": "http://127.0.0.1:9/v1"}},
        "files": {},
        "state": {"records": {"folder": str(folder / "state")}},
    }
    with GatewayProcess(config, folder) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    provider: GatewayProcess, file_shelf: FileShelf, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("gateway")
    config = {
        "server": {"port": 0},
        "keys": [{"name": "first", "key": KEY}, {"name": "other", "key": OTHER_KEY}],
        "providers": {
            "lab": {"base_url": provider.base_url, "api_key": PROVIDER_KEY},
            "wrong": {"base_url": provider.base_url, "api_key": "sk-nobody-knows-it-0123456789"},
            "away": {"base_url": "http://127.0.0.1:9/v1"},
            "claude": {"extends": "anthropic", "base_url": f"{file_shelf.url}/v1", "api_key": ANTHROPIC_KEY},
            "gem": {"extends": "gemini", "base_url": f"{file_shelf.url}/v1beta", "api_key": GEMINI_KEY},
        },
        "files": {"providers": ["lab", "wrong", "away", "claude", "gem"]},
        "state": {"records": {"folder": str(folder / "state")}},
    }
    with GatewayProcess(config, folder) as running:
        yield running
    running.assert_no_fault(secrets=(PROVIDER_KEY, ANTHROPIC_KEY, GEMINI_KEY, KEY))


def client_of(gateway: GatewayProcess, key: str = KEY, provider: str | None = None) -> openai.OpenAI:
    headers = {} if provider is None else {"x-isthmus-provider": provider}
    return openai.OpenAI(base_url=gateway.base_url, api_key=key, max_retries=0, default_headers=headers)


@pytest.mark.parametrize("name", ["lab", "claude", "gem"])
def test_a_file_is_made_shown_and_deleted_where_it_lives(
    gateway: GatewayProcess, provider: GatewayProcess, file_shelf: FileShelf, name: str
) -> None:
    content = bytes(range(256)) * 4_000
    sender, plain = client_of(gateway, provider=name), client_of(gateway)
    made = sender.files.create(file=("notes of ümläut.txt", content), purpose="user_data")
    assert made.id.startswith(f"file-{name}~")
    assert (made.bytes, made.filename, made.purpose) == (len(content), "notes of ümläut.txt", "user_data")
    there = made.id.partition("~")[2]
    at_provider = client_of(provider, PROVIDER_KEY)
    kept = at_provider.files.content(there).content if name == "lab" else file_shelf.files[there][1]
    assert kept == content
    assert plain.files.retrieve(made.id) == made
    assert plain.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        plain.files.retrieve(made.id)
    if name == "lab":
        with pytest.raises(openai.NotFoundError):
            at_provider.files.retrieve(there)
    else:
        assert there not in file_shelf.files


@pytest.mark.parametrize("name", ["lab", "claude"])
def test_its_bytes_come_from_there(gateway: GatewayProcess, name: str) -> None:
    content = b"0123456789" * 200_000
    made = client_of(gateway, provider=name).files.create(file=("a.txt", content), purpose="batch")
    assert client_of(gateway).files.content(made.id).content == content


def test_when_it_expires_is_the_provider_s_to_say(gateway: GatewayProcess, provider: GatewayProcess) -> None:
    made = client_of(gateway, provider="lab").files.create(
        file=("a.txt", b"abc"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 7_200}
    )
    there = client_of(provider, PROVIDER_KEY).files.retrieve(made.id.partition("~")[2])
    assert made.expires_at == there.expires_at == there.created_at + 7_200


def test_what_a_provider_does_not_give_back_is_refused_in_words(gateway: GatewayProcess) -> None:
    made = client_of(gateway, provider="gem").files.create(file=("a.txt", b"abc"), purpose="vision")
    assert made.expires_at is not None
    with pytest.raises(openai.BadRequestError, match="does not give files back"):
        client_of(gateway).files.content(made.id)


def test_nobody_else_reaches_it_though_the_key_at_the_provider_is_the_same(gateway: GatewayProcess) -> None:
    made = client_of(gateway, provider="lab").files.create(file=("a.txt", b"mine"), purpose="user_data")
    for other in (client_of(gateway, OTHER_KEY), client_of(gateway, OTHER_KEY, "lab")):
        assert made.id not in [file.id for file in other.files.list()]
        for ask in (other.files.retrieve, other.files.content, other.files.delete):
            with pytest.raises(openai.NotFoundError):
                ask(made.id)
    assert client_of(gateway).files.content(made.id).content == b"mine"


def test_a_list_has_files_of_every_place_in_one_order_or_those_of_one_place(gateway: GatewayProcess) -> None:
    clients: list[Any] = [client_of(gateway, OTHER_KEY, name) for name in ("lab", None, "claude", "gem", None)]
    made = [client.files.create(file=("a.txt", b"abc"), purpose="user_data").id for client in clients]
    plain = client_of(gateway, OTHER_KEY)
    assert [file.id for file in plain.files.list(order="asc", limit=2)] == made
    assert [file.id for file in plain.files.list()] == made[::-1]
    assert [file.id for file in client_of(gateway, OTHER_KEY, "claude").files.list()] == [made[2]]


def test_one_that_was_deleted_there_is_gone_here(gateway: GatewayProcess, provider: GatewayProcess) -> None:
    plain = client_of(gateway)
    made = client_of(gateway, provider="lab").files.create(file=("a.txt", b"abc"), purpose="user_data")
    client_of(provider, PROVIDER_KEY).files.delete(made.id.partition("~")[2])
    with pytest.raises(openai.NotFoundError, match="No such File object"):
        plain.files.retrieve(made.id)
    assert made.id not in [file.id for file in plain.files.list()]


def test_the_provider_s_refusal_is_told(gateway: GatewayProcess) -> None:
    with pytest.raises(openai.APIStatusError) as refusal:
        client_of(gateway, provider="wrong").files.create(file=("a.txt", b"abc"), purpose="user_data")
    assert "sk-nobody-knows-it" not in str(refusal.value)
    with pytest.raises(openai.APIStatusError) as away:
        client_of(gateway, provider="away").files.create(file=("a.txt", b"abc"), purpose="user_data")
    assert away.value.status_code == 502
    with pytest.raises(openai.BadRequestError, match=r"files\.providers"):
        client_of(gateway, provider="nobody").files.list()


def test_a_file_that_is_wrong_is_refused_before_the_provider_has_it(
    gateway: GatewayProcess, provider: GatewayProcess
) -> None:
    before = {file.id for file in client_of(provider, PROVIDER_KEY).files.list()}
    sender = client_of(gateway, provider="lab")
    with pytest.raises(openai.BadRequestError):
        sender.files.create(file=("a.txt", b"abc"), purpose="no such/purpose")  # type: ignore[arg-type]
    assert {file.id for file in client_of(provider, PROVIDER_KEY).files.list()} == before
