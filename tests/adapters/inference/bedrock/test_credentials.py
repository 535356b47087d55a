"""Keys from AWS's chain, with what botocore itself finds in an environment made for the test."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import AssumeRoleCredentialFetcher, RefreshableCredentials
from botocore.exceptions import ProfileNotFound
from botocore.session import Session

from adapters.inference.bedrock import ADAPTER
from adapters.inference.contract import Lease
from adapters.wire.errors import UpstreamError
from tests.adapters.inference.bedrock.asking import target

ROLE = "arn:aws:iam::123456789012:role/gateway"


@pytest.fixture(autouse=True)
def _no_keys_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def lend(**options: Any) -> Lease:
    assert ADAPTER.lend is not None
    at = target(options=options)
    borrow = ADAPTER.lend(at.settings, at.options)
    assert borrow is not None
    return borrow()


def expiring(key: str, life: timedelta) -> dict[str, str]:
    expiry = (datetime.now(UTC) + life).isoformat()
    return {"access_key": key, "secret_key": "secret", "token": "token", "expiry_time": expiry}


def test_keys_of_the_environment_are_lent_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    lease = lend()
    assert json.loads(lease.secret) == {
        "access_key_id": "AKID",
        "secret_access_key": "secret",
        "session_token": None,
    }
    assert 0 < lease.seconds <= 3_600


def test_a_profile_names_the_keys(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[lab]\naws_access_key_id = LAB\naws_secret_access_key = secret\n")
    assert json.loads(lend(profile="lab").secret)["access_key_id"] == "LAB"


def test_keys_that_expire_are_lent_until_then_and_renew_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refresh() -> dict[str, str]:
        asked.append(1)
        return expiring(f"KEY{len(asked)}", timedelta(hours=1))

    credentials = RefreshableCredentials.create_from_metadata(
        expiring("KEY0", timedelta(minutes=5)), refresh_using=refresh, method="test"
    )
    monkeypatch.setattr(Session, "get_credentials", lambda self: credentials)
    assert ADAPTER.lend is not None
    at = target()
    borrow = ADAPTER.lend(at.settings, at.options)
    assert borrow is not None
    first, second = borrow(), borrow()
    assert json.loads(first.secret)["access_key_id"] == "KEY1"  # five minutes are too few for botocore
    assert second.secret == first.secret
    assert 3_500 < first.seconds <= 3_600


def test_a_role_is_assumed_with_what_the_chain_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    roles = []

    def fetch(self: Any) -> dict[str, str]:
        roles.append((self._role_arn, self._source_credentials.access_key))
        return expiring("ASSUMED", timedelta(hours=1))

    monkeypatch.setattr(AssumeRoleCredentialFetcher, "fetch_credentials", fetch)
    assert json.loads(lend(role_arn=ROLE).secret)["access_key_id"] == "ASSUMED"
    assert roles == [(ROLE, "AKID")]


def test_where_there_are_no_keys_the_operator_is_told_what_to_set() -> None:
    with pytest.raises(UpstreamError, match="AWS_BEARER_TOKEN_BEDROCK") as raised:
        lend()
    assert raised.value.status == 503


def test_a_fault_of_the_chain_is_told_by_its_name_alone() -> None:
    with pytest.raises(UpstreamError, match=ProfileNotFound.__name__) as raised:
        lend(profile="s3cret-profile")
    assert "s3cret" not in raised.value.message


def test_without_boto3_the_operator_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    with pytest.raises(UpstreamError, match=r"isthmus\[bedrock\]"):
        lend()


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"api_key": "key"}, {}),
        ({"auth": "none"}, {}),
        ({}, {"access_key_id": "AKID", "secret_access_key": "secret"}),
    ],
)
def test_nothing_is_lent_where_the_settings_hold_the_secret(settings: dict[str, str], options: dict[str, str]) -> None:
    assert ADAPTER.lend is not None
    at = target(options=options, **settings)
    assert ADAPTER.lend(at.settings, at.options) is None


def test_half_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="go together"):
        target(options={"access_key_id": "AKID"})
