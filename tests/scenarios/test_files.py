"""Files through a real gateway, with OpenAI's own SDK as the judge."""

from collections.abc import Iterator

import openai
import pytest

from tests.gateway_process import GatewayProcess

KEY = "sk-files-first-owner-0123456789"
OTHER_KEY = "sk-files-other-owner-0123456789"


@pytest.fixture(scope="module")
def file_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway with files in a folder and records in SQLite, and two owners."""
    folder = tmp_path_factory.mktemp("files")
    config = {
        "server": {"port": 0},
        "keys": [{"name": "first", "key": KEY}, {"name": "other", "key": OTHER_KEY}],
        "providers": {"nobody": {"base_url": "http://127.0.0.1:9/v1"}},
        "files": {"max_bytes": 4_000_000},
        "state": {"records": {"folder": str(folder / "state")}},
    }
    with GatewayProcess(config, folder) as running:
        yield running


@pytest.fixture(scope="module")
def client(file_gateway: GatewayProcess) -> openai.OpenAI:
    return openai.OpenAI(base_url=file_gateway.base_url, api_key=KEY, max_retries=0)


@pytest.fixture(scope="module")
def other(file_gateway: GatewayProcess) -> openai.OpenAI:
    return openai.OpenAI(base_url=file_gateway.base_url, api_key=OTHER_KEY, max_retries=0)


def test_a_file_lives_from_its_making_to_its_removal(client: openai.OpenAI) -> None:
    content = bytes(range(256)) * 8_000
    made = client.files.create(file=("all bytes.bin", content), purpose="user_data")
    assert made.id.startswith("file-")
    assert (made.bytes, made.filename, made.purpose) == (len(content), "all bytes.bin", "user_data")
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).content == content
    assert made.id in [file.id for file in client.files.list()]
    assert client.files.delete(made.id).deleted
    assert made.id not in [file.id for file in client.files.list()]
    for gone in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError, match="No such File object"):
            gone(made.id)


def test_nobody_else_sees_a_file(client: openai.OpenAI, other: openai.OpenAI) -> None:
    made = client.files.create(file=("mine.txt", b"mine"), purpose="assistants")
    unknown = "file-" + "0" * 24
    assert made.id not in [file.id for file in other.files.list()]
    for ask in (other.files.retrieve, other.files.content, other.files.delete):
        with pytest.raises(openai.NotFoundError) as refusal:
            ask(made.id)
        with pytest.raises(openai.NotFoundError) as of_unknown:
            ask(unknown)
        assert str(refusal.value).replace(made.id, unknown) == str(of_unknown.value)
    with pytest.raises(openai.NotFoundError):
        other.files.list(after=made.id)
    assert client.files.content(made.id).content == b"mine"
