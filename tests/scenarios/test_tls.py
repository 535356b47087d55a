"""TLS on both sides: the certificate we show, and the ones we judge and present."""

import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from openai import APIConnectionError, DefaultHttpxClient, OpenAI

from tests.conftest import StartGateway
from tests.scenarios.raw import CHUNK, RawClient, ask, chat
from tests.scenarios.test_client_disconnect import AT_ONCE, fastest, leave, until_closed
from tests.upstream import Hang, Upstream, event_stream, json_answer


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the authority's certificate, a server's and a client's."""
    folder = tmp_path_factory.mktemp("tls")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name, certificate in (
        ("server", authority.issue_cert("127.0.0.1", "localhost")),
        ("client", authority.issue_cert("client@tests")),
    ):
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.pem"))
    return folder


@pytest.fixture(scope="module")
def secure_upstream(files: Path, authority: trustme.CA) -> Iterator[Upstream]:
    """An upstream that asks for the client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "server.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    with Upstream(context) as running:
        yield running


def trusted(files: Path, upstream: Upstream, *, client: bool = True) -> dict[str, object]:
    """Settings of a provider that trusts the authority."""
    own = {"cert_file": str(files / "client.pem"), "key_file": str(files / "client.pem")} if client else {}
    return {"base_url": upstream.base_url, "tls": {"ca_file": str(files / "ca.pem"), **own}}


def test_an_upstream_with_certificates_on_both_sides_is_served(
    start_gateway: StartGateway, secure_upstream: Upstream, files: Path
) -> None:
    case = secure_upstream.on(json_answer({"id": "x"}))
    gateway = start_gateway(provider=trusted(files, secure_upstream))
    for _ in range(3):
        assert ask(gateway.port, chat(case.model)).json == {"id": "x"}
    assert len({one.connection for one in case.requests}) == 1


def test_an_upstream_nobody_vouches_for_is_refused(
    start_gateway: StartGateway, secure_upstream: Upstream, files: Path
) -> None:
    case = secure_upstream.on(json_answer({"id": "x"}))
    gateway = start_gateway(provider={"base_url": secure_upstream.base_url})
    answer = ask(gateway.port, chat(case.model))
    assert answer.status == 502
    assert "certificate" in answer.error["message"]
    assert case.requests == []


def test_an_upstream_that_misses_our_certificate_is_a_502(
    start_gateway: StartGateway, secure_upstream: Upstream, files: Path
) -> None:
    case = secure_upstream.on(json_answer({"id": "x"}))
    gateway = start_gateway(provider=trusted(files, secure_upstream, client=False))
    assert ask(gateway.port, chat(case.model)).status == 502
    assert case.requests == []


def test_a_client_that_leaves_ends_an_upstream_call_over_tls(
    start_gateway: StartGateway, secure_upstream: Upstream, files: Path
) -> None:
    case = secure_upstream.on(event_stream(CHUNK, Hang()))
    gateway = start_gateway(provider=trusted(files, secure_upstream))

    def measure() -> float:
        client = RawClient(gateway.port)
        client.post(chat(case.model, stream=True))
        client.head()
        next(client.chunks())
        return until_closed(case, leave(client))

    assert fastest(measure) < AT_ONCE


def test_the_gateway_itself_speaks_tls(start_gateway: StartGateway, files: Path) -> None:
    server = {"tls": {"cert_file": str(files / "server.pem"), "key_file": str(files / "server.pem")}}
    gateway = start_gateway(server)
    assert gateway.url.startswith("https://")
    context = ssl.create_default_context(cafile=str(files / "ca.pem"))
    with OpenAI(
        base_url=gateway.base_url, api_key="any", max_retries=0, http_client=DefaultHttpxClient(verify=context)
    ) as client:
        stream = client.chat.completions.create(
            model="scripted/talker", messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "You said: Hello"
    with OpenAI(base_url=gateway.base_url, api_key="any", max_retries=0) as stranger, pytest.raises(APIConnectionError):
        stranger.models.list()


def test_a_client_that_leaves_over_tls_ends_the_upstreams_call(
    start_gateway: StartGateway, upstream: Upstream, files: Path
) -> None:
    server = {"tls": {"cert_file": str(files / "server.pem"), "key_file": str(files / "server.pem")}}
    gateway = start_gateway(server)
    case = upstream.on([Hang()])
    context = ssl.create_default_context(cafile=str(files / "ca.pem"))

    def measure() -> float:
        client = RawClient(gateway.port)
        client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
        client.post(chat(case.model))
        case.request()
        client.socket.close()
        return until_closed(case, time.monotonic())

    assert fastest(measure) < AT_ONCE
