"""The webhook: posts to where it may, tries again, gives up, and never asks a private network."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trustme

from gateway.observe.counters import Counters
from gateway.state.limits import webhook
from gateway.state.limits.webhook import Webhook, is_public


class Listener:
    """An HTTPS server that answers with the statuses it is given, the last one for ever."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.heard: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        self.heard.append(head + await reader.readexactly(length))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status)
        await writer.drain()
        writer.close()


@pytest.fixture
async def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listener]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setattr(webhook, "_FIRST_PAUSE_SECONDS", 0.001)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    running = Listener()
    server = await asyncio.start_server(running.serve, "localhost", 0, ssl=context)
    running.port = server.sockets[0].getsockname()[1]
    yield running
    server.close()


async def post(url: str, *, private: bool) -> Counters:
    counters = Counters()
    hook = Webhook(counters)
    hook.configure(url, private=private)
    hook.post({"event": "budget_warning"})
    await hook.close()
    return counters


async def test_it_is_told_in_json(listener: Listener) -> None:
    counters = await post(f"https://localhost:{listener.port}/hooks?x=1", private=True)
    (heard,) = listener.heard
    assert heard.startswith(b"POST /hooks?x=1 HTTP/1.1\r\n")
    assert b"content-type: application/json\r\n" in heard
    assert heard.endswith(b'\r\n\r\n{"event":"budget_warning"}')
    assert not counters.values


async def test_a_fault_is_tried_again(listener: Listener) -> None:
    listener.statuses = [500, 503, 204]
    counters = await post(f"https://localhost:{listener.port}", private=True)
    assert len(listener.heard) == 3
    assert not counters.values


async def test_it_gives_up(listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    listener.statuses = [500]
    counters = await post(f"https://localhost:{listener.port}", private=True)
    assert len(listener.heard) == 4
    assert counters.values["webhook_failures", "failed"] == 1
    assert "status 500" in caplog.text


async def test_events_arrive_in_their_order_also_when_the_first_is_tried_again(listener: Listener) -> None:
    listener.statuses = [500, 500, 200]
    hook = Webhook(Counters())
    hook.configure(f"https://localhost:{listener.port}", private=True)
    for number in range(5):
        hook.post({"number": number})
    await hook.close()
    heard = [msgspec.json.decode(each.partition(b"\r\n\r\n")[2])["number"] for each in listener.heard]
    assert heard == [0, 0, 0, 1, 2, 3, 4]


async def test_an_event_after_the_others_were_told_is_told_too(listener: Listener) -> None:
    hook = Webhook(Counters())
    hook.configure(f"https://localhost:{listener.port}", private=True)
    for number in (1, 2):
        hook.post({"number": number})
        await hook.close()
        assert len(listener.heard) == number


async def test_what_is_not_told_before_the_end_is_counted(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(webhook, "_LAST_SECONDS", 0.05)
    monkeypatch.setattr(webhook, "_FIRST_PAUSE_SECONDS", 60.0)
    listener.statuses = [500]
    counters = Counters()
    hook = Webhook(counters)
    hook.configure(f"https://localhost:{listener.port}", private=True)
    for _ in range(3):
        hook.post({"event": "budget_warning"})
    await hook.close()
    assert counters.values["webhook_failures", "closed"] == 3
    assert "the gateway stops" in caplog.text


async def test_more_than_may_wait_is_counted_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_WAITING_MAX", 2)
    counters = Counters()
    hook = Webhook(counters)
    hook.configure("http://localhost:1/", private=True)
    for _ in range(5):
        hook.post({"event": "budget_warning"})
    await hook.close()
    assert counters.values["webhook_failures", "crowded"] == 3


async def test_a_private_address_is_not_asked_unless_allowed(listener: Listener) -> None:
    counters = await post(f"https://localhost:{listener.port}", private=False)
    assert listener.heard == []
    assert counters.values["webhook_failures", "forbidden"] == 1


async def test_only_https_is_asked() -> None:
    counters = await post("http://localhost:1/", private=True)
    assert counters.values["webhook_failures", "forbidden"] == 1


async def test_a_certificate_for_another_name_is_a_fault(listener: Listener) -> None:
    counters = await post(f"https://127.0.0.1:{listener.port}", private=True)
    assert listener.heard == []
    assert counters.values["webhook_failures", "failed"] == 1


async def test_without_a_url_nobody_is_told() -> None:
    hook = Webhook(Counters())
    hook.post({"event": "budget_warning"})
    await hook.close()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:0a00:0001::", False),
        ("64:ff9b::a00:1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public
