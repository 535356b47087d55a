"""Keys from AWS's own chain of credentials, through botocore.

https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from adapters.inference.bedrock.options import BedrockOptions
from adapters.inference.contract import Lease, Lend
from adapters.wire.errors import UpstreamError
from config.schema import Provider

if TYPE_CHECKING:
    from botocore.credentials import Credentials

_FIXED_SECONDS = 900.0
"""How long keys are used that do not expire: a file or variable that changed is seen after this."""
_LEAST_SECONDS = 1.0


def lend(settings: Provider, options: BedrockOptions) -> Lend | None:
    """What fetches keys; None where the settings hold the secret or nothing is to be signed."""
    if settings.api_key or settings.auth == "none" or options.access_key_id:
        return None
    return Chain(options)


class Chain:
    """Asks the chain, and keeps what it found as long as that renews itself."""

    def __init__(self, options: BedrockOptions) -> None:
        self._options = options
        self._renewing: Credentials | None = None

    def __call__(self) -> Lease:
        """Keys as JSON, and for how long they are good. Raises UpstreamError where there are none."""
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise _no_keys("boto3 is not installed; install isthmus[bedrock], or set api_key") from None
        try:
            found = self._renewing or _search(self._options)
            if found is None:
                raise _no_keys("none were found; set AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID, or a profile")
            frozen = found.get_frozen_credentials()
        except (BotoCoreError, ClientError) as error:
            raise _no_keys(f"AWS's chain of credentials raised {type(error).__name__}") from None
        expiry: datetime | None = getattr(found, "_expiry_time", None)  # botocore has no public word for it
        self._renewing = found if expiry is not None else None
        keys = {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "session_token": frozen.token,
        }
        return Lease(msgspec.json.encode(keys).decode(), _FIXED_SECONDS if expiry is None else _seconds_until(expiry))


def _search(options: BedrockOptions) -> "Credentials | None":
    import botocore.session

    session = botocore.session.Session(profile=options.profile)
    found = session.get_credentials()
    if found is None or options.role_arn is None:
        return found
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    fetcher = AssumeRoleCredentialFetcher(session.create_client, found, options.role_arn)
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


def _seconds_until(expiry: datetime) -> float:
    return max(_LEAST_SECONDS, (expiry - datetime.now(UTC)).total_seconds())


def _no_keys(reason: str) -> UpstreamError:
    return UpstreamError(f"No AWS credentials: {reason}.", status=503, type="server_error", code="no_credentials")
