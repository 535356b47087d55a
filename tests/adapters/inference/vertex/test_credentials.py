"""Tokens from Google's chain of credentials, asked of a token server that a test runs."""

import json
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import google.auth
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.exceptions import DefaultCredentialsError

from adapters.inference.vertex import ADAPTER
from adapters.inference.vertex.options import VertexOptions
from adapters.wire.errors import UpstreamError
from config.schema import Provider, Tls

pytestmark = pytest.mark.filterwarnings("ignore:The load_credentials_from_file method:DeprecationWarning")


class TokenServer(HTTPServer):
    """Grants tokens as Google's OAuth server does, or refuses them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.granted = 0
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/token"


class _Handler(BaseHTTPRequestHandler):
    server: TokenServer

    def do_POST(self) -> None:
        """Grant the next token."""
        self.rfile.read(int(self.headers["content-length"]))
        self.server.granted += 1
        answer = {"access_token": f"token-{self.server.granted}", "expires_in": 3600, "token_type": "Bearer"}
        body = json.dumps(answer if self.server.status == 200 else {"error": "invalid_grant, secret"}).encode()
        self.send_response(self.server.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with TokenServer() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def key_file(server: TokenServer, tmp_path: Path) -> str:
    """A service account's key, whose tokens the test's server grants."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {"type": "service_account", "project_id": "p", "private_key_id": "1", "private_key": pem}
    account |= {"client_email": "gateway@p.iam.gserviceaccount.com", "token_uri": server.url}
    path = tmp_path / "key.json"
    path.write_text(json.dumps(account))
    return str(path)


def lender(credentials: str | None, **settings: Any) -> Any:
    assert ADAPTER.lend is not None
    made = ADAPTER.lend(Provider(dialect="vertex", **settings), VertexOptions(project="p", credentials=credentials))
    assert made is not None
    return made


def test_a_service_accounts_key_is_exchanged_for_a_token(key_file: str) -> None:
    lease = lender(key_file)()
    assert lease.secret == "token-1"
    assert 3500 < lease.seconds <= 3600


def test_every_call_fetches_a_fresh_token(key_file: str) -> None:
    lend = lender(key_file)
    assert [lend().secret, lend().secret] == ["token-1", "token-2"]


def test_without_a_file_application_default_credentials_count(key_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", key_file)
    assert lender(None)().secret == "token-1"


@pytest.mark.parametrize("settings", [{"api_key": "token-0123456789"}, {"auth": "none"}])
def test_a_key_of_the_settings_needs_nothing_lent(settings: dict[str, Any]) -> None:
    assert ADAPTER.lend is not None
    assert ADAPTER.lend(Provider(dialect="vertex", **settings), VertexOptions()) is None


def test_a_refused_key_is_an_error_that_tells_nothing_of_it(key_file: str, server: TokenServer) -> None:
    server.status = 400
    with pytest.raises(UpstreamError) as raised:
        lender(key_file)()
    assert (raised.value.code, "RefreshError" in raised.value.message) == ("no_access_token", True)
    assert "secret" not in raised.value.message


@pytest.mark.parametrize("content", ["{}", "no JSON"])
def test_a_file_that_is_no_key_is_an_error(content: str, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(UpstreamError, match="No access token"):
        lender(str(path))()


def test_a_machine_without_credentials_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def default(scopes: Any) -> Any:
        raise DefaultCredentialsError("none here")  # type: ignore[no-untyped-call]

    monkeypatch.setattr(google.auth, "default", default)
    with pytest.raises(UpstreamError, match="DefaultCredentialsError"):
        lender(None)()


def test_without_the_library_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.auth.exceptions", None)
    with pytest.raises(UpstreamError, match=r"isthmus\[vertex\]") as raised:
        lender(None)()
    assert raised.value.code == "missing_dependency"


class Credentials(SimpleNamespace):
    """Credentials that keep how they were refreshed."""

    token = "token"
    expiry: datetime | None = None

    def refresh(self, request: Any) -> None:
        """Keep the session."""
        self.session = request.session


def refreshed(monkeypatch: pytest.MonkeyPatch, made: Credentials, **settings: Any) -> float:
    """The seconds of a lease from these credentials."""
    monkeypatch.setattr(google.auth, "default", lambda scopes: (made, "p"))
    seconds: float = lender(None, **settings)().seconds
    return seconds


def test_tokens_are_fetched_through_the_providers_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Credentials()
    refreshed(monkeypatch, made, proxy="http://proxy.test:3128")
    assert made.session.proxies == {"http": "http://proxy.test:3128", "https": "http://proxy.test:3128"}


def test_the_providers_authorities_judge_the_token_server(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Credentials()
    refreshed(monkeypatch, made, tls=Tls(ca_file="/etc/ca.pem"))
    assert made.session.verify == "/etc/ca.pem"


def test_a_token_that_does_not_say_when_it_ends_is_good_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refreshed(monkeypatch, Credentials()) == 300


def test_times_without_a_zone_are_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Credentials()
    made.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=600)
    assert refreshed(monkeypatch, made) == pytest.approx(600, abs=30)
