"""Keys in the database: what the admin API does with them, in SQL that holds no word of a client."""

# ruff: noqa: S608

import secrets
import time
from typing import cast

import msgspec
from msgspec import Struct, field

from config.limits import Limit
from gateway.auth.secret import digest_of, hint_of, new_secret
from gateway.state.records.contract import Records, Row, Value

MICROSECONDS = 1_000_000
_PURGE_AFTER = 86_400 * MICROSECONDS
"""A secret that ended this long ago leaves the table: until then a change tells every worker of its end."""

_CHANGE = "UPDATE key_changes SET number = number + 1"
_LAST = "(SELECT number FROM key_changes)"
_COLUMNS = "id, name, settings, created, expires, disabled, changed"
_ADD = (
    "INSERT INTO keys (id, name, settings, created, expires, disabled, changed) "
    f"VALUES ($1, $2, $3, $4, $5, $6, {_LAST})"
)
_ADD_DIGEST = (
    "INSERT INTO key_secrets (digest, key_id, hint, created) "
    "SELECT $1, id, $2, CAST($3 AS BIGINT) FROM keys WHERE id = $4 AND deleted IS NULL"
)
_ONE = f"SELECT {_COLUMNS} FROM keys WHERE id = $1 AND deleted IS NULL"
_UPDATE = (
    f"UPDATE keys SET settings = $1, expires = $2, disabled = $3, changed = {_LAST} "
    "WHERE id = $4 AND changed = $5 AND deleted IS NULL"
)
_TOUCH = f"UPDATE keys SET changed = {_LAST} WHERE id = $1 AND deleted IS NULL"
_DELETE = f"UPDATE keys SET deleted = $1, changed = {_LAST} WHERE id = $2 AND deleted IS NULL"
_END_SECRETS = "UPDATE key_secrets SET expires = $1 WHERE key_id = $2 AND (expires IS NULL OR expires > $1)"
_PURGE = "DELETE FROM key_secrets WHERE key_id = $1 AND expires < $2"
_GOOD = "SELECT key_id, hint, created, expires FROM key_secrets WHERE (expires IS NULL OR expires > $1) AND key_id IN"


class Settings(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a key may do, kept as JSON; a newer version may have written more."""

    owner: str | None = None
    team: str | None = None
    organisation: str | None = None
    models: list[str] = field(default_factory=lambda: ["*"])
    addresses: list[str] = field(default_factory=list)
    limit: Limit | None = None

    @staticmethod
    def read(text: str) -> "Settings":
        """From what is kept."""
        return _settings.decode(text)


_settings = msgspec.json.Decoder(Settings)


class Secret(Struct, frozen=True):
    """A secret of a key: what it may be recognised by, and its times in microseconds."""

    hint: str
    created: int
    expires: int | None


class StoredKey(Struct, frozen=True, kw_only=True):
    """A key; times in microseconds since 1970."""

    id: str
    name: str
    settings: Settings
    created: int
    expires: int | None
    disabled: bool
    changed: int
    secrets: tuple[Secret, ...] = ()
    """Those that are good: the one without an end, then the newest first."""


class StoredKeys:
    """Raises RecordsUnavailable from every verb, and Conflict for a name that was given before."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def create(self, name: str, settings: Settings, expires: int | None, *, disabled: bool) -> tuple[str, str]:
        """Make a key; give its id and its secret, which is kept nowhere."""
        key_id, secret, now = f"key_{secrets.token_hex(12)}", new_secret(), _now()
        written = msgspec.json.encode(settings).decode()
        await self._records.transact(
            (_CHANGE, ()),
            (_ADD, (key_id, name, written, now, expires, int(disabled))),
            (_ADD_DIGEST, (digest_of(secret), hint_of(secret), now, key_id)),
        )
        return key_id, secret

    async def get(self, id: str) -> StoredKey | None:
        """A key that was not deleted."""
        return next(iter(await self._whole(await self._records.fetch(_ONE, id))), None)

    async def page(self, limit: int, after: StoredKey | None, *, ascending: bool) -> list[StoredKey]:
        """So many keys in the order in which they were made."""
        order, beyond = ("ASC", ">") if ascending else ("DESC", "<")
        where = ""
        values: tuple[Value, ...] = ()
        if after is not None:
            where = f"AND (created {beyond} $2 OR (created = $2 AND id {beyond} $3))"
            values = (after.created, after.id)
        statement = (
            f"SELECT {_COLUMNS} FROM keys WHERE deleted IS NULL {where} ORDER BY created {order}, id {order} LIMIT $1"
        )
        return await self._whole(await self._records.fetch(statement, limit, *values))

    async def update(self, key: StoredKey, settings: Settings, expires: int | None, *, disabled: bool) -> bool:
        """Change a key, unless it has changed since it was read: tell whether it was."""
        written = msgspec.json.encode(settings).decode()
        _, changed = await self._records.transact(
            (_CHANGE, ()), (_UPDATE, (written, expires, int(disabled), key.id, key.changed))
        )
        return changed == 1

    async def rotate(self, id: str, overlap_seconds: int) -> str | None:
        """Give a key a new secret; the others are good for the overlap. None where there is no such key."""
        secret, now = new_secret(), _now()
        _, _, _, made, _ = await self._records.transact(
            (_CHANGE, ()),
            (_PURGE, (id, now - _PURGE_AFTER)),
            (_END_SECRETS, (now + overlap_seconds * MICROSECONDS, id)),
            (_ADD_DIGEST, (digest_of(secret), hint_of(secret), now, id)),
            (_TOUCH, (id,)),
        )
        return secret if made else None

    async def delete(self, id: str) -> bool:
        """Refuse a key for ever. Its row stays: usage is told by its name, which nobody else is given."""
        _, deleted = await self._records.transact((_CHANGE, ()), (_DELETE, (_now(), id)))
        return deleted == 1

    async def _whole(self, rows: list[Row]) -> list[StoredKey]:
        """Keys with their secrets."""
        if not rows:
            return []
        ids = [as_text(row[0]) for row in rows]
        places = ", ".join(f"${number}" for number in range(2, len(ids) + 2))
        found: dict[str, list[Secret]] = {}
        for key_id, hint, created, expires in await self._records.fetch(f"{_GOOD} ({places})", _now(), *ids):
            secret = Secret(as_text(hint), as_int(created), None if expires is None else as_int(expires))
            found.setdefault(as_text(key_id), []).append(secret)
        return [_key(row, found.get(as_text(row[0]), [])) for row in rows]


def _key(row: Row, secrets: list[Secret]) -> StoredKey:
    key_id, name, settings, created, expires, disabled, changed = row
    return StoredKey(
        id=as_text(key_id),
        name=as_text(name),
        settings=Settings.read(as_text(settings)),
        created=as_int(created),
        expires=None if expires is None else as_int(expires),
        disabled=bool(disabled),
        changed=as_int(changed),
        secrets=tuple(sorted(secrets, key=lambda secret: (secret.expires is None, secret.created), reverse=True)),
    )


def as_text(value: Value) -> str:
    """A value of a TEXT column that is never null."""
    return cast("str", value)


def as_int(value: Value) -> int:
    """A value of a BIGINT column that is never null."""
    return cast("int", value)


def _now() -> int:
    return time.time_ns() // 1000
