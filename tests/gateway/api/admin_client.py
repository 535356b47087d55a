"""Whoever runs a gateway, over its admin API."""

import json
import urllib.error
import urllib.request
from typing import Any

from tests.gateway_process import GatewayProcess

ADMIN_KEY = "admin-credential-of-the-tests-0123456789"


class Admin:
    """Asks the admin API of one gateway."""

    def __init__(self, gateway: GatewayProcess, credential: str | None = ADMIN_KEY) -> None:
        self._gateway = gateway
        self._credential = credential

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and answer."""
        headers = {"content-type": "application/json"}
        if self._credential is not None:
            headers["authorization"] = f"Bearer {self._credential}"
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._gateway.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def create(self, name: str, **fields: Any) -> Any:
        """Make a key."""
        status, answer = self.ask("POST", "/admin/keys", {"name": name, **fields})
        assert status == 200, answer
        return answer

    def update(self, key: Any, **fields: Any) -> Any:
        """Change a key."""
        status, answer = self.ask("POST", f"/admin/keys/{key['id']}", fields)
        assert status == 200, answer
        return answer

    def rotate(self, key: Any, overlap_seconds: int = 0) -> Any:
        """Give a key a new value."""
        status, answer = self.ask("POST", f"/admin/keys/{key['id']}/rotate", {"overlap_seconds": overlap_seconds})
        assert status == 200, answer
        return answer

    def delete(self, key: Any) -> None:
        """Delete a key."""
        status, answer = self.ask("DELETE", f"/admin/keys/{key['id']}")
        assert status == 200, answer
