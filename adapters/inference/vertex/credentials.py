"""Access tokens from Google's chain of credentials: https://docs.cloud.google.com/docs/authentication/application-default-credentials

A service account's key, workload identity federation, the metadata server of the machine, or what `gcloud auth
application-default login` left: google-auth finds out which.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from adapters.inference.contract import Lease, Lend
from adapters.inference.vertex.options import VertexOptions
from adapters.wire.errors import UpstreamError
from config.schema import Provider

if TYPE_CHECKING:
    import requests

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_LIFE_SECONDS = 300.0
"""Of a token that does not say when it expires."""


def lend(settings: Provider, options: VertexOptions) -> Lend | None:
    """How to get an access token, None where the settings hold the key or the token."""
    if settings.api_key is not None or settings.auth == "none":
        return None
    return _Lender(settings, options)


class _Lender:
    """Finds the credentials when they are first needed, and renews them at every call."""

    def __init__(self, settings: Provider, options: VertexOptions) -> None:
        self._settings = settings
        self._file = options.credentials
        self._credentials: Any = None

    def __call__(self) -> Lease:
        """A fresh token. Blocks. Raises UpstreamError, without a word of what the credentials hold."""
        try:
            from google.auth.exceptions import GoogleAuthError
            from google.auth.transport.requests import Request
        except ImportError:
            raise UpstreamError(
                "Vertex AI's credentials need google-auth: pip install 'isthmus[vertex]'.", code="missing_dependency"
            ) from None
        try:
            if self._credentials is None:
                self._credentials = _find(self._file)
            self._credentials.refresh(Request(session=self._session()))
        except (GoogleAuthError, OSError, ValueError) as error:
            raise UpstreamError(
                f"No access token for Vertex AI: {type(error).__name__}. Check `options.credentials`, or the"
                " application default credentials of this machine.",
                code="no_access_token",
            ) from None
        return Lease(self._credentials.token, _seconds_left(self._credentials.expiry))

    def _session(self) -> "requests.Session":
        import requests

        session = requests.Session()
        if self._settings.proxy is not None:
            session.proxies = {"http": self._settings.proxy, "https": self._settings.proxy}
        if self._settings.tls.ca_file is not None:
            session.verify = self._settings.tls.ca_file
        return session


def _find(file: str | None) -> Any:
    import google.auth

    if file is not None:  # warned of where others wrote the file; this one is the operator's
        return google.auth.load_credentials_from_file(file, scopes=_SCOPES)[0]  # type: ignore[no-untyped-call]
    return google.auth.default(scopes=_SCOPES)[0]


def _seconds_left(expiry: datetime | None) -> float:
    """google-auth keeps times in UTC that do not say so."""
    if expiry is None:
        return _LIFE_SECONDS
    return (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
