"""Access tokens: fetched once, renewed ahead, and silent about secrets."""

import asyncio
import json
import logging
import ssl
import threading
from typing import Any

import pytest

from adapters.inference.contract import Lease, TokenGrant
from adapters.wire.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable
from config.schema import Tls
from gateway.upstream.tokens import AccessToken
from tests.gateway.upstream.raw_server import Peer, RawServer, Script, answer_with

SECRET = "the-client-secret"


def answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)


def granted(token: str, expires_in: Any = 3600, **more: Any) -> bytes:
    return answer(200, json.dumps({"access_token": token, "expires_in": expires_in, **more}).encode())


def in_turn(*answers: bytes) -> list[Script]:
    """The answers for one connection after the other."""
    return [answer_with(each) for each in answers]


def token_at(server: RawServer) -> AccessToken:
    form = {"grant_type": "client_credentials", "client_id": "me", "client_secret": SECRET, "scope": "a b"}
    return AccessToken(TokenGrant(f"http://127.0.0.1:{server.port}/oauth2/token", form))


async def test_posts_the_form_and_gives_the_token() -> None:
    async with RawServer(*in_turn(granted("t1", token_type="Bearer"))) as server:
        token = token_at(server)
        assert await token.get() == "t1"
        request = server.peers[0].requests[0]
        assert request.startswith(b"POST /oauth2/token HTTP/1.1\r\n")
        assert b"content-type: application/x-www-form-urlencoded" in request.lower()
        assert request.endswith(b"grant_type=client_credentials&client_id=me&client_secret=the-client-secret&scope=a+b")
        await token.close()


@pytest.mark.parametrize("expires_in", [3600, "3600"])
async def test_a_token_is_kept_while_it_is_good(expires_in: Any) -> None:
    async with RawServer(*in_turn(granted("t1", expires_in), granted("t2"))) as server:
        token = token_at(server)
        assert [await token.get() for _ in range(3)] == ["t1"] * 3
        await token.close()


async def test_one_request_serves_all_who_wait() -> None:
    async with RawServer(*in_turn(granted("t1"), granted("t2"))) as server:
        token = token_at(server)
        waiting = [asyncio.create_task(token.get()) for _ in range(5)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        assert await asyncio.gather(*waiting[1:]) == ["t1"] * 4
        assert len(server.peers) == 1
        await token.close()


async def test_an_expired_token_is_replaced() -> None:
    async with RawServer(*in_turn(granted("t1", 0), granted("t2"))) as server:
        token = token_at(server)
        assert [await token.get(), await token.get(), await token.get()] == ["t1", "t2", "t2"]
        await token.close()


async def test_a_token_is_renewed_ahead_without_anybody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(0.05)
        await peer.send(granted("t2"))

    async with RawServer(answer_with(granted("t1", 1)), slow) as server:
        token = token_at(server)
        await token.get()
        await asyncio.sleep(0.55)
        assert await token.get() == "t1"
        await asyncio.sleep(0.15)
        assert await token.get() == "t2"
        await token.close()


async def test_a_failed_renewal_is_logged_and_fails_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with RawServer(*in_turn(granted("t1", 1), answer(500, b"{}"))) as server:
        token = token_at(server)
        await token.get()
        await asyncio.sleep(0.55)
        with caplog.at_level(logging.WARNING):
            assert await token.get() == "t1"
            await asyncio.sleep(0.1)
            assert await token.get() == "t1"
        assert len(server.peers) == 2
        assert ["status 500" in record.message for record in caplog.records] == [True]
        await token.close()


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (
            answer(401, b'{"error":"invalid_client","error_description":"secret \'x\' of app y"}'),
            r"401 \(invalid_client\)",
        ),
        (answer(400, b"<html>the-client-secret</html>"), "status 400"),
        (answer(400, b'{"error":"the client\'s secret is the-client-secret"}'), "status 400"),
        (answer(302, b""), "status 302"),
        (answer(200, b"not json"), "without one"),
        (answer(200, b'{"access_token":5}'), "without one"),
        (answer(200, b'{"access_token":""}'), "can't be sent"),
        (answer(200, b'{"access_token":"a\\r\\nb"}'), "can't be sent"),
        (answer(200, b"x" * 2_000_000), "more than a token"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\n{", "can't be reached"),
    ],
)
async def test_faults_are_told_without_secrets(reply: bytes, message: str) -> None:
    async def once(peer: Peer) -> None:
        await peer.request()
        await peer.send(reply)

    async with RawServer(once) as server:
        token = token_at(server)
        with pytest.raises(UpstreamError, match=message) as failed:
            await token.get()
        assert "secret" not in failed.value.message
        await token.close()


async def test_a_fault_is_not_kept() -> None:
    async with RawServer(*in_turn(answer(503, b""), granted("t1"))) as server:
        token = token_at(server)
        with pytest.raises(UpstreamError):
            await token.get()
        assert await token.get() == "t1"
        await token.close()


async def test_who_waits_together_gets_errors_of_their_own() -> None:
    async with RawServer(*in_turn(answer(503, b""))) as server:
        token = token_at(server)
        first, second = await asyncio.gather(token.get(), token.get(), return_exceptions=True)
        assert isinstance(first, UpstreamError)
        assert isinstance(second, UpstreamError)
        assert first is not second
        await token.close()


async def test_a_server_that_is_not_there(free_port: int) -> None:
    token = AccessToken(TokenGrant(f"http://127.0.0.1:{free_port}/", {"client_secret": SECRET}))
    with pytest.raises(UpstreamUnreachable, match="ConnectError"):
        await token.get()
    await token.close()


async def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.upstream.tokens._TIMEOUT_SECONDS", 0.1)

    async def hold(peer: Peer) -> None:
        await peer.request()
        await peer.gone()

    async with RawServer(hold) as server:
        token = token_at(server)
        with pytest.raises(UpstreamTimeout, match="No access token within"):
            await token.get()
        await token.close()


async def test_the_providers_authorities_vouch_for_the_server_of_its_tokens(
    server_tls: ssl.SSLContext, ca_file: str
) -> None:
    async with RawServer(*in_turn(granted("t1"), granted("t2")), tls=server_tls) as server:
        grant = TokenGrant(f"{server.url}/oauth2/token", {"client_secret": SECRET})
        stranger, token = AccessToken(grant), AccessToken(grant, tls=Tls(ca_file=ca_file))
        with pytest.raises(UpstreamUnreachable, match="ConnectError"):
            await stranger.get()
        assert (await token.get()).startswith("t")
        await stranger.close()
        await token.close()


async def test_authorities_that_can_not_be_read_are_said() -> None:
    token = AccessToken(TokenGrant("https://127.0.0.1:1/", {}), tls=Tls(ca_file="/nowhere.pem"))
    with pytest.raises(UpstreamError, match=r"tls\.ca_file can't be used"):
        await token.get()
    await token.close()


async def test_a_secret_that_is_lent_is_kept_while_it_is_good() -> None:
    lent = iter([Lease("s1", 3600), Lease("s2", 3600)])
    token = AccessToken(lambda: next(lent))
    assert [await token.get() for _ in range(3)] == ["s1"] * 3
    await token.close()


async def test_a_lender_does_not_block_the_loop() -> None:
    called = threading.Event()
    let_go = threading.Event()

    def lend() -> Lease:
        called.set()
        assert let_go.wait(15)
        return Lease("s1", 3600)

    token = AccessToken(lend)
    waiting = asyncio.create_task(token.get())
    assert await asyncio.to_thread(called.wait, 15)
    let_go.set()
    assert await waiting == "s1"
    await token.close()


async def test_a_lender_that_has_nothing_is_told_of() -> None:
    def lend() -> Lease:
        raise UpstreamError("There are no credentials.")

    token = AccessToken(lend)
    with pytest.raises(UpstreamError, match="no credentials"):
        await token.get()
    await token.close()
