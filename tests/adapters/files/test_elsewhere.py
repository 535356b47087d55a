"""The files APIs of providers: what is sent and read; and the makers' own SDKs take the tests' shelf for theirs."""

from urllib.request import Request, urlopen

import anthropic
import pytest
from google import genai

from adapters.files.elsewhere import APIS
from adapters.files.elsewhere.contract import Fields, Told, Unreadable
from tests.services.file_shelf import ANTHROPIC_KEY, GEMINI_KEY, FileShelf

BOUNDARY = "0123456789abcdef"


def test_anthropic_s_own_sdk_takes_the_shelf_for_the_service(file_shelf: FileShelf) -> None:
    client = anthropic.Anthropic(base_url=file_shelf.url, api_key=ANTHROPIC_KEY, max_retries=0)
    made = client.beta.files.upload(file=("a.txt", b"abc", "text/plain"))
    assert client.beta.files.retrieve_metadata(made.id) == made
    assert (made.filename, made.size_bytes) == ("a.txt", 3)
    assert client.beta.files.download(made.id).read() == b"abc"
    assert client.beta.files.delete(made.id).type == "file_deleted"


def test_google_s_own_sdk_takes_the_shelf_for_the_service(file_shelf: FileShelf) -> None:
    file_shelf.files["kept"] = ("a.txt", b"abc")
    options = genai.types.HttpOptions(base_url=file_shelf.url, api_version="v1beta")
    client = genai.Client(api_key=GEMINI_KEY, http_options=options)
    shown = client.files.get(name="files/kept")
    assert (shown.name, shown.display_name, shown.size_bytes) == ("files/kept", "a.txt", 3)
    client.files.delete(name="files/kept")
    assert "kept" not in file_shelf.files


def sent(file_shelf: FileShelf, dialect: str, path: str, headers: dict[str, str], fields: Fields) -> Told:
    """What the shelf tells of a file that was sent to it."""
    api, url = APIS[dialect], f"{file_shelf.url}/{path}"
    sending = api.send(url, "a.txt", "text/plain", BOUNDARY)
    body = sending.head + b"abc" + api.tail(BOUNDARY, fields, url, "a.txt")
    said = {name.decode(): value.decode() for name, value in (*sending.headers, *api.headers)}
    with urlopen(Request(sending.url, body, {**headers, **said})) as answer:
        return api.read(answer.read())


def test_anthropic_is_sent_a_file_with_how_long_it_lasts(file_shelf: FileShelf) -> None:
    headers = {"x-api-key": ANTHROPIC_KEY, "anthropic-version": "2023-06-01"}
    for fields in ({"purpose": "user_data"}, {"expires_after[seconds]": "3600"}):
        told = sent(file_shelf, "anthropic", "v1", headers, fields)
        assert (told.filename, told.size, told.created, told.expires) == ("a.txt", 3, 1_795_348_800, None)
        assert file_shelf.files[told.id] == ("a.txt", b"abc")


def test_anthropic_reads_the_seconds_a_file_lasts_by_its_own_name() -> None:
    tail = APIS["anthropic"].tail(BOUNDARY, {"expires_after[seconds]": "3600"}, "https://host/v1", "a.txt")
    assert b'name="expires_in_seconds"\r\n\r\n3600\r\n' in tail


def test_gemini_is_sent_a_file_and_its_name(file_shelf: FileShelf) -> None:
    told = sent(file_shelf, "gemini", "v1beta", {"x-goog-api-key": GEMINI_KEY}, {"purpose": "user_data"})
    assert (told.filename, told.size, told.created, told.expires) == ("a.txt", 3, 1_795_348_800, 2_111_140_800)
    assert file_shelf.files[told.id] == ("a.txt", b"abc")


def test_openai_tells_of_a_file_in_its_own_words() -> None:
    body = b'{"id": "file-1", "object": "file", "filename": "a.txt", "bytes": 3, "created_at": 1, "expires_at": 2}'
    assert APIS["openai"].read(body) == Told("file-1", "a.txt", 3, 1, 2)


def test_bytes_come_from_where_they_are_and_gemini_gives_none_back() -> None:
    assert APIS["gemini"].content is None
    for dialect in ("openai", "anthropic"):
        content = APIS[dialect].content
        assert content is not None
        assert content("https://host/v1", "a/b") == "https://host/v1/files/a%2Fb/content"


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("anthropic", b'{"id": "a", "created_at": "yesterday"}'),
        ("gemini", b'{"name": "files/a", "createTime": "yesterday"}'),
        ("gemini", b'{"name": "files/a", "sizeBytes": "three"}'),
    ],
)
def test_a_time_or_a_size_that_is_none_is_unreadable(dialect: str, body: bytes) -> None:
    with pytest.raises(Unreadable):
        APIS[dialect].read(body)


def test_together_takes_files_at_a_path_of_its_own_and_their_name_in_a_field() -> None:
    api, url = APIS["openai"], "https://api.together.ai/v1"
    assert api.send(url, "a.jsonl", "text/plain", BOUNDARY).url == "https://api.together.ai/v1/files/upload"
    assert b'name="file_name"\r\n\r\na.jsonl' in api.tail(BOUNDARY, {"purpose": "fine-tune"}, url, "a.jsonl")
    others = "https://api.groq.com/openai/v1"
    assert api.send(others, "a.jsonl", "text/plain", BOUNDARY).url == "https://api.groq.com/openai/v1/files"
    assert b"file_name" not in api.tail(BOUNDARY, {"purpose": "batch"}, others, "a.jsonl")


@pytest.mark.parametrize("dialect", sorted(APIS))
def test_an_id_cannot_leave_its_place_in_a_path(dialect: str) -> None:
    api = APIS[dialect]
    assert api.one("https://host/v1", "../models?x#y").endswith("/files/..%2Fmodels%3Fx%23y")


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_a_file_name_cannot_end_its_header(dialect: str) -> None:
    head = APIS[dialect].send("https://host/v1", 'a"\r\nx: y.txt', "text/plain", BOUNDARY).head
    assert b'filename="a%22%0D%0Ax: y.txt"' in head


@pytest.mark.parametrize("dialect", sorted(APIS))
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": 1}', b"\xff", b'{"file": 3}'])
def test_an_answer_that_tells_of_no_file_is_unreadable(dialect: str, body: bytes) -> None:
    with pytest.raises(Unreadable):
        APIS[dialect].read(body)
