"""Files through a real gateway, with OpenAI's own SDK as the judge."""

import hashlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
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


def test_uploads_come_in_parts_and_become_a_file(client: openai.OpenAI) -> None:
    content = bytes(range(256)) * 10_000
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    done = client.uploads.upload_file_chunked(
        file=content,
        filename="parts.bin",
        bytes=len(content),
        mime_type="application/octet-stream",
        purpose="assistants",
        part_size=700_000,
        md5=md5,
    )
    assert done.status == "completed"
    assert done.file is not None
    assert (done.file.bytes, done.file.filename, done.file.purpose) == (len(content), "parts.bin", "assistants")
    assert client.files.content(done.file.id).content == content


def test_an_upload_is_cancelled_and_takes_no_more(client: openai.OpenAI, other: openai.OpenAI) -> None:
    upload = client.uploads.create(bytes=4, filename="a.txt", mime_type="text/plain", purpose="batch")
    assert (upload.status, upload.expires_at) == ("pending", upload.created_at + 3_600)
    part = client.uploads.parts.create(upload.id, data=b"ab")
    assert (part.object, part.upload_id) == ("upload.part", upload.id)
    with pytest.raises(openai.NotFoundError, match="No such Upload object"):
        other.uploads.cancel(upload.id)
    assert client.uploads.cancel(upload.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="cancelled"):
        client.uploads.parts.create(upload.id, data=b"cd")
    with pytest.raises(openai.BadRequestError, match="cancelled"):
        client.uploads.complete(upload.id, part_ids=[part.id])


def test_a_file_expires_when_it_was_told_to(client: openai.OpenAI) -> None:
    made = client.files.create(
        file=("a.txt", b"abc"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3_600}
    )
    assert made.expires_at == made.created_at + 3_600
    batch = client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    assert batch.expires_at == batch.created_at + 30 * 86_400
    assert client.files.create(file=("a.txt", b"abc"), purpose="vision").expires_at is None


@pytest.mark.parametrize("purpose", ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"])
def test_a_file_has_any_purpose_that_openai_knows(file_gateway: GatewayProcess, purpose: str) -> None:
    body = part("purpose", purpose.encode()) + FILE + END
    assert post(file_gateway, iter([body])).json()["purpose"] == purpose


def test_pages_go_through_all_files_in_either_order(other: openai.OpenAI) -> None:
    made = [other.files.create(file=("a.txt", b"abc"), purpose="vision").id for _ in range(5)]
    assert [file.id for file in other.files.list(limit=2, order="asc", purpose="vision")] == made
    page = other.files.list(limit=2, after=made[-1])
    assert ([file.id for file in page.data], page.has_more) == (made[2:4][::-1], True)
    raw = other.files.with_raw_response.list(limit=2, order="asc").http_response.json()
    assert raw["object"] == "list"
    assert (raw["first_id"], raw["last_id"]) == (raw["data"][0]["id"], raw["data"][-1]["id"])


NAMES = {
    "../../etc/passwd": "passwd",
    "C:\\Users\\me\\notes.txt": "notes.txt",
    "/absolute/notes.txt": "notes.txt",
    "übersicht 2026 (final).pdf": "übersicht 2026 (final).pdf",
    "'; DROP TABLE files; --": "'; DROP TABLE files; --",
}


@pytest.mark.parametrize("name", NAMES)
def test_folders_of_a_file_s_name_are_left_out(client: openai.OpenAI, name: str) -> None:
    made = client.files.create(file=(name, b"abc"), purpose="user_data")
    assert made.filename == NAMES[name]
    assert client.files.content(made.id).content == b"abc"


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    """One of a form."""
    file = b"" if filename is None else f'; filename="{filename}"'.encode()
    return b'--b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (name.encode(), file, value)


PURPOSE, FILE = part("purpose", b"user_data"), part("file", b"content", "a.txt")
END = b"--b--\r\n"
WRONG = {
    "no file": (PURPOSE + END, 400, "missing_parameter"),
    "no purpose": (FILE + END, 400, "missing_parameter"),
    "nothing": (b"", 400, "invalid_multipart"),
    "an end alone": (END, 400, "missing_parameter"),
    "two files": (PURPOSE + FILE + FILE + END, 400, "invalid_value"),
    "two purposes": (PURPOSE + PURPOSE + FILE + END, 400, "invalid_value"),
    "an unknown purpose": (part("purpose", b"fun") + FILE + END, 400, "invalid_value"),
    "an unknown field": (PURPOSE + part("mode", b"x") + FILE + END, 400, "unknown_parameter"),
    "10,000 fields": (part("x", b"y") * 10_000 + END, 400, "unknown_parameter"),
    "10,000 fields of no name": (PURPOSE + FILE + part("", b"") * 10_000 + END, 400, "unknown_parameter"),
    "an empty file": (PURPOSE + part("file", b"", "a.txt") + END, 400, "empty_file"),
    "a file of no name": (PURPOSE + part("file", b"abc") + END, 400, "invalid_filename"),
    "a file of dots": (PURPOSE + part("file", b"abc", "..") + END, 400, "invalid_filename"),
    "a name with NUL": (PURPOSE + part("file", b"abc", "a\x00b") + END, 400, "invalid_filename"),
    "a name too long": (PURPOSE + part("file", b"abc", "a" * 1_000) + END, 400, "invalid_filename"),
    "a field that is no text": (part("purpose", b"\xff\xfe") + FILE + END, 400, "invalid_value"),
    "a field too long": (part("purpose", b"x" * 100_000) + FILE + END, 400, "invalid_value"),
    "a header too long": (b"--b\r\nX: " + b"x" * 100_000 + b"\r\n\r\n" + END, 400, "invalid_multipart"),
    "the end missing": (PURPOSE + FILE, 400, "invalid_multipart"),
    "cut in the file": ((PURPOSE + FILE)[:-10], 400, "invalid_multipart"),
    "another boundary": ((PURPOSE + FILE + END).replace(b"--b", b"--c"), 400, "invalid_multipart"),
    "another boundary, and much": (b"x" * 1_000_000, 400, "invalid_multipart"),
    "too large": (PURPOSE + part("file", b"x" * 4_000_001, "a.txt") + END, 413, "request_too_large"),
    "expiring too soon": (PURPOSE + part("expires_after[anchor]", b"created_at")
        + part("expires_after[seconds]", b"60") + FILE + END, 400, "invalid_value"),
    "expiring after nothing": (PURPOSE + part("expires_after[seconds]", b"3600") + FILE + END, 400, "invalid_value"),
    "expiring in no numbers": (PURPOSE + part("expires_after[anchor]", b"created_at")
        + part("expires_after[seconds]", b"soon") + FILE + END, 400, "invalid_value"),
}  # fmt: skip


def post(gateway: GatewayProcess, body: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
    said = {"authorization": f"Bearer {KEY}", "content-type": "multipart/form-data; boundary=b", **headers}
    return httpx.post(f"{gateway.base_url}/files", content=body, headers=said, timeout=30)


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_form_is_refused_in_words_and_keeps_nothing(
    file_gateway: GatewayProcess, what: str, chunked: bool
) -> None:
    body, status, code = WRONG[what]
    pieces = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
    answer = post(file_gateway, pieces if chunked else body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (status, code, "invalid_request_error")
    assert len(error["message"]) > 10
    assert not list((file_gateway.config_file.parent / "state" / "files" / "writing").iterdir())


def test_the_order_of_fields_is_the_client_s(file_gateway: GatewayProcess) -> None:
    for body in (FILE + PURPOSE + END, PURPOSE + FILE + END, b"\r\n" + FILE + PURPOSE + END + b"an epilogue"):
        answer = post(file_gateway, body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["bytes"] == 7


def test_every_cut_of_a_form_reads_the_same(file_gateway: GatewayProcess) -> None:
    content = b"\r\n--\r\n--c\r\n-\r\n--b" + b"\r\n" * 9
    body = part("file", content, "a.bin") + PURPOSE + END
    for size in (1, 2, 3, 5, 7, 61):
        answer = post(file_gateway, iter([body[start : start + size] for start in range(0, len(body), size)]))
        assert answer.status_code == 400, "what follows the boundary is neither its end nor a new part"
    body = body.replace(content, content.replace(b"--b", b"--a"))
    for size in (1, 2, 3, 5, 7, 61):
        answer = post(file_gateway, iter([body[start : start + size] for start in range(0, len(body), size)]))
        assert answer.json()["bytes"] == len(content)


def test_what_is_declared_too_large_is_refused_before_it_is_sent(file_gateway: GatewayProcess) -> None:
    with socket.create_connection(("127.0.0.1", file_gateway.port), 10) as sock:
        sock.sendall(
            f"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
            "content-type: multipart/form-data; boundary=b\r\ncontent-length: 600000000\r\n\r\n".encode()
        )
        assert sock.recv(64).startswith(b"HTTP/1.1 413 ")


def test_what_is_no_form_is_another_media_type(file_gateway: GatewayProcess) -> None:
    assert post(file_gateway, b"{}", **{"content-type": "application/json"}).status_code == 415
    assert post(file_gateway, END, **{"content-encoding": "gzip"}).status_code == 415
    assert post(file_gateway, END, **{"content-type": "multipart/form-data"}).status_code == 400


def test_a_file_has_a_time_of_its_own_to_arrive(tmp_path: Path) -> None:
    config = {
        "server": {"port": 0, "limits": {"body_seconds": 0.5}},
        "providers": {"nobody": {"base_url": "http://127.0.0.1:9/v1"}},
        "files": {"body_seconds": 3},
        "state": {"records": {"folder": str(tmp_path / "state")}},
    }
    with GatewayProcess(config, tmp_path) as gateway:

        def slow(seconds: float) -> Iterator[bytes]:
            yield PURPOSE + FILE
            time.sleep(seconds)
            yield END

        assert post(gateway, slow(1.6)).status_code == 200
        with socket.create_connection(("127.0.0.1", gateway.port), 30) as sock:
            sock.sendall(
                b"POST /v1/files HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=b\r\n"
                b"content-length: 100000\r\n\r\n" + PURPOSE + FILE
            )
            answer = sock.recv(4_096)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"files.body_seconds" in answer


def test_a_large_file_is_not_held_in_memory(tmp_path: Path) -> None:
    config = {
        "server": {"port": 0},
        "providers": {"nobody": {"base_url": "http://127.0.0.1:9/v1"}},
        "files": {},
        "state": {"records": {"folder": str(tmp_path / "state")}},
    }
    size, block = 96 * 2**20, bytes(2**20)

    def large() -> Iterator[bytes]:
        yield part("file", b"", "large.bin").removesuffix(b"\r\n")
        yield from (block for _ in range(size // len(block)))
        yield b"\r\n" + PURPOSE + END

    with GatewayProcess(config, tmp_path) as gateway:
        assert post(gateway, PURPOSE + FILE + END).status_code == 200
        before = gateway.memory
        made = post(gateway, large())
        assert made.json()["bytes"] == size
        assert gateway.peak_memory - before < 32 * 2**20
        with httpx.stream("GET", f"{gateway.base_url}/files/{made.json()['id']}/content") as answer:
            assert sum(len(piece) for piece in answer.iter_raw()) == size
        assert gateway.peak_memory - before < 32 * 2**20
