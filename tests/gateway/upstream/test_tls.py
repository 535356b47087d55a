"""TLS: verified by default, with one's own authority, with a certificate of the client, never cut in silence."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme
import uvloop

from adapters.wire.errors import UpstreamUnreachable
from config.schema import Tls
from gateway.upstream.head import InvalidSetting
from gateway.upstream.tls import _shared_context, client_context
from tests.gateway.upstream.conftest import Connect
from tests.gateway.upstream.raw_server import ANSWER, CHUNKED, END, Peer, RawServer, answer_all, answer_with, chunk


async def test_serves_over_tls_with_ones_own_authority(
    connect: Connect, server_tls: ssl.SSLContext, ca_file: str
) -> None:
    async with RawServer(answer_all, tls=server_tls) as server:
        client = connect(server.url, tls=Tls(ca_file=ca_file))
        assert [await client.ask(), await client.ask()] == [b"{}", b"{}"]
        assert len(server.peers) == 1


async def test_streams_and_long_bodies_over_tls(connect: Connect, server_tls: ssl.SSLContext, ca_file: str) -> None:
    async with RawServer(answer_with(CHUNKED, chunk(b"x" * 3_000_000), END), tls=server_tls) as server:
        client = connect(server.url, tls=Tls(ca_file=ca_file))
        assert await client.ask(b"y" * 3_000_000) == b"x" * 3_000_000
        assert (await server.peer()).requests[0].endswith(b"\r\n\r\n" + b"y" * 3_000_000)


async def test_a_certificate_of_nobody_known_is_refused(connect: Connect, server_tls: ssl.SSLContext) -> None:
    async with RawServer(answer_all, tls=server_tls) as server:
        with pytest.raises(UpstreamUnreachable, match=r"certificate is not trusted.*tls\.ca_file"):
            await connect(server.url).ask()
        assert server.peers == []


async def test_a_certificate_for_another_name_is_refused(
    connect: Connect, server_tls: ssl.SSLContext, ca_file: str
) -> None:
    async with RawServer(answer_all, tls=server_tls) as server:
        with pytest.raises(UpstreamUnreachable, match="certificate is not trusted"):
            await connect(server.url.replace("localhost", "127.0.0.1"), tls=Tls(ca_file=ca_file)).ask()


async def test_server_name_is_asked_for_and_verified(
    connect: Connect, server_tls: ssl.SSLContext, ca_file: str
) -> None:
    async with RawServer(answer_all, tls=server_tls) as server:
        url = server.url.replace("localhost", "127.0.0.1")
        assert await connect(url, tls=Tls(ca_file=ca_file, server_name="localhost")).ask() == b"{}"


async def test_shows_a_client_certificate(
    connect: Connect, authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    demanding = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(demanding)
    authority.configure_trust(demanding)
    demanding.verify_mode = ssl.CERT_REQUIRED
    certificate = authority.issue_cert("gateway.test")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    async with RawServer(answer_all, tls=demanding) as server:
        tls = Tls(ca_file=ca_file, cert_file=str(tmp_path / "client.pem"))
        assert await connect(server.url, tls=tls).ask() == b"{}"
        with pytest.raises(UpstreamUnreachable):
            await connect(server.url, tls=Tls(ca_file=ca_file)).ask()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_old_versions_of_tls_are_refused(connect: Connect, authority: trustme.CA, ca_file: str) -> None:
    old = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(old)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    async with RawServer(answer_all, tls=old) as server:
        with pytest.raises(UpstreamUnreachable, match="could not be reached"):
            await connect(server.url, tls=Tls(ca_file=ca_file)).ask()


async def test_offers_http_1_1_only(connect: Connect, authority: trustme.CA, ca_file: str) -> None:
    choosing = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(choosing)
    choosing.set_alpn_protocols(["h2", "http/1.1"])
    chosen: list[str | None] = []

    async def note(peer: Peer) -> None:
        chosen.append(peer.alpn())
        await answer_all(peer)

    async with RawServer(note, tls=choosing) as server:
        await connect(server.url, tls=Tls(ca_file=ca_file)).ask()
        assert chosen == ["http/1.1"]


async def test_a_server_without_tls(connect: Connect) -> None:
    async def talk_first(peer: Peer) -> None:
        await peer.send(ANSWER)
        await peer.gone()

    async with RawServer(talk_first) as server:
        with pytest.raises(UpstreamUnreachable, match="TLS failed: WRONG_VERSION_NUMBER"):
            await connect(server.url.replace("http:", "https:")).ask()


@pytest.mark.parametrize("goodbye", [True, False], ids=["close_notify", "cut"])
async def test_a_body_without_length_needs_a_proper_goodbye(
    connect: Connect, server_tls: ssl.SSLContext, ca_file: str, goodbye: bool
) -> None:
    """Anyone on the way can end a TCP connection; only the server can end the TLS one (RFC 8446, 6.1)."""
    if not goodbye and not isinstance(asyncio.get_running_loop(), uvloop.Loop):
        pytest.skip("asyncio's own loop does not tell one end from the other; the gateway runs on uvloop")

    def serve(listener: socket.socket) -> None:
        plain, _ = listener.accept()
        with server_tls.wrap_socket(plain, server_side=True, suppress_ragged_eofs=True) as sock:
            while b"\r\n\r\n{}" not in sock.recv(65_536):
                pass
            sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
            if goodbye:
                sock.settimeout(1)
                sock.unwrap()
            else:
                socket.socket(fileno=sock.detach()).close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = asyncio.get_running_loop().run_in_executor(None, serve, listener)
        client = connect(f"https://localhost:{listener.getsockname()[1]}/", tls=Tls(ca_file=ca_file))
        if goodbye:
            assert await client.ask() == b"half"
        else:
            with pytest.raises(UpstreamUnreachable, match="before the end of its answer"):
                await client.ask()
        await asyncio.gather(served, return_exceptions=True)


def test_verifies_by_the_systems_authorities_unless_told_otherwise(ca_file: str) -> None:
    context = client_context(Tls())
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    own = client_context(Tls(ca_file=ca_file))
    assert len(own.get_ca_certs()) == 1


@pytest.fixture
def _fresh_contexts() -> Iterator[None]:
    """Nothing shared with other tests."""
    _shared_context.cache_clear()
    yield
    _shared_context.cache_clear()


@pytest.mark.usefixtures("_fresh_contexts")
def test_falls_back_to_certifi_where_the_system_has_no_authorities(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nothing = SimpleNamespace(cafile=None, capath=str(tmp_path))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
    assert len(client_context(Tls()).get_ca_certs()) > 50


def test_providers_without_files_share_the_authorities(ca_file: str) -> None:
    assert client_context(Tls()) is client_context(Tls(server_name="other"))
    assert client_context(Tls(ca_file=ca_file)) is not client_context(Tls(ca_file=ca_file))


async def test_a_file_that_cannot_be_used_is_told_when_it_is_needed(connect: Connect, tmp_path: Path) -> None:
    client = connect("https://127.0.0.1:1/", tls=Tls(ca_file=str(tmp_path / "none.pem")))
    with pytest.raises(UpstreamUnreachable, match=r"tls\.ca_file can't be used") as refused:
        await client.ask()
    assert str(tmp_path) not in refused.value.message


@pytest.mark.parametrize("field", ["ca_file", "cert_file"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_files_that_cannot_be_used_are_named(field: str, content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidSetting, match=rf"tls\.{field}"):
        client_context(Tls(**{field: str(path)}))


def test_an_encrypted_key_is_refused_without_asking_at_the_terminal(authority: trustme.CA, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    certificate = authority.issue_cert("gateway.test")
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"password")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    path = tmp_path / "client.pem"
    path.write_bytes(pem + certificate.cert_chain_pems[0].bytes())
    with pytest.raises(InvalidSetting, match="without a password"):
        client_context(Tls(cert_file=str(path)))
