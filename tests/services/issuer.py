"""A little issuer of tokens over HTTP: its keys can be rotated, and it can be slow, wrong or gone."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "isthmus"


class IssuerServer:
    """Use it as a context."""

    def __init__(self) -> None:
        self._private: dict[str, tuple[str, Any]] = {}
        self._published: dict[str, dict[str, Any]] = {}
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.requests: list[str] = []
        """Paths that were asked for."""
        self.gate = threading.Event()
        """Answers wait for it."""
        self.gate.set()
        self.status = 200
        self.document: bytes | None = None
        """What is answered in the keys' stead."""

    def __enter__(self) -> "IssuerServer":
        """Start it with one key."""
        self.add_key("first")
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End it."""
        self.gate.set()
        self.stop()

    @property
    def url(self) -> str:
        """What tokens name as their issuer."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def key_requests(self) -> int:
        """How often it was asked for its keys."""
        return self.requests.count("/keys")

    def start(self) -> None:
        """Answer from now on, at the port of before."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests.append(self.path)
                issuer.gate.wait(30)
                body = issuer.answer(self.path)
                self.send_response(issuer.status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Be gone: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, path: str) -> bytes:
        """The document at a path."""
        if path == "/.well-known/openid-configuration":
            return json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        return self.document or json.dumps({"keys": list(self._published.values())}).encode()

    def add_key(self, name: str, algorithm: str = "RS256", *, bits: int = 2048, published: bool = True) -> None:
        """A new key to sign with."""
        public: dict[str, Any]
        private: Any
        if algorithm.startswith("ES"):
            private = ec.generate_private_key({"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}[algorithm])
            public = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
        elif algorithm == "EdDSA":
            private = ed25519.Ed25519PrivateKey.generate()
            public = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
        else:
            private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
            public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
        self._private[name] = (algorithm, private)
        if published:
            self._published[name] = {**public, "kid": name, "use": "sig"}

    def publish(self, name: str, **fields: Any) -> None:
        """Say something else of a published key."""
        self._published[name] = {**self._published[name], **fields}

    def withdraw(self, name: str) -> None:
        """Publish a key no more."""
        del self._published[name]

    def public(self, name: str) -> dict[str, Any]:
        """What is published of a key."""
        return self._published[name]

    def token(self, key: str = "first", *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token that is good for an hour, unless what is given says otherwise; None takes something away."""
        algorithm, private = self._private[key]
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "alice", "exp": int(time.time()) + 3600, **claims}
        payload = {name: value for name, value in said.items() if value is not None}
        headers = {name: value for name, value in {"kid": key, **(header or {})}.items() if value is not None}
        return jwt.encode(payload, private, algorithm, headers=headers)


@pytest.fixture
def issuer() -> Iterator[IssuerServer]:
    """An issuer of this test alone."""
    with IssuerServer() as running:
        yield running
