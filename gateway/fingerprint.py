"""What a call asks, as a digest: two calls with the same one may have the same answer.

Everything counts unless it is known not to: the fields of the request but for a list, who shares answers, the
operation, the route and what its providers are, and what the client says in headers that changes the answer.
White space, the spelling of characters and the order of fields do not count. The order of keys inside a field does: a
model reads a tool's and writes a schema's members in their order. Bodies that came without white space, as those of
nearly all clients do, are not read for this: it would cost as much as all the rest of a cache.
"""

import hashlib
import json
from typing import Any

import msgspec
from msgspec import Raw, structs

from adapters.inference.contract import ANSWERS_VERSION
from config.caching import Cache
from gateway.auth import Caller
from gateway.call import Call
from gateway.route import Route

_IRRELEVANT = frozenset({"user", "metadata", "stream", "stream_options"})
"""Fields that do not change what the answer says."""
_HOW_IT_IS_REACHED = ("api_key", "timeouts", "connections", "queue", "tls", "proxy", "docs")
"""Settings of a provider that do not change what it answers."""
_BACKSLASH = b"\\"
_ESCAPES = (b"\\u", b"\\/")
"""Spellings of characters that may also stand for themselves."""
_CACHE = Cache()
_DIGESTS_MAX = 1_024
_DIGEST_BYTES = 32

_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=lambda written: Raw(written.encode())).decode


def fingerprint(call: Call) -> bytes:
    """The digest of a call whose route is known; worked out once."""
    known = call.fingerprint
    if known is None:
        known = call.fingerprint = digest(call, call.body.fields)
    return known


def digest(call: Call, fields: dict[str, Raw]) -> bytes:
    """The digest of a call with these fields instead of its own."""
    route = call.route
    assert route is not None  # noqa: S101 - chosen before any layer that needs it
    if not route.identity:
        _look_at(route)
    if not route.irrelevant.isdisjoint(fields):
        fields = {name: value for name, value in fields.items() if name not in route.irrelevant}
    body = call.body
    known = (call.caller, call.operation, body.on_unsupported)
    digested = (route.digests.get(known) or _begin(known, call, route)).copy()
    digested.update(_canonical(fields, body.is_compact))
    return digested.digest()


def _begin(known: object, call: Call, route: Route) -> "hashlib.blake2b":
    """The beginning of a digest: all but the fields. It is the same for most calls of a caller."""
    said = [call.client_headers.get(name) for name in route.forwarded]
    sharers = _sharers(call.caller, route.settings.cache or _CACHE)
    around = (sharers, call.operation, route.identity, call.body.on_unsupported, said)
    begun = hashlib.blake2b(_encode(around) + b"\n", digest_size=_DIGEST_BYTES)
    if not route.forwarded:
        if len(route.digests) >= _DIGESTS_MAX:
            route.digests.clear()
        route.digests[known] = begun
    return begun


def _sharers(caller: Caller, settings: Cache) -> tuple[str, str]:
    """Whose answers a caller is given; without a team, its owner's."""
    if settings.scope == "owner":
        return "owner", caller.owner
    match settings.scope:
        case "key":
            return "key", caller.name
        case "team" if caller.team is not None:
            return "team", caller.team
        case "everybody":
            return "everybody", ""
    return "owner", caller.owner


def _look_at(route: Route) -> None:
    """Work out what of a route decides its answers."""
    providers = []
    forwarded: set[bytes] = set()
    for target in route.targets:
        settings = structs.asdict(target.settings)
        for name in _HOW_IT_IS_REACHED:
            del settings[name]
        forwarded.update(name.lower().encode() for name in target.settings.forward_headers)
        providers.append((target.provider, target.model, settings))
    route.irrelevant = _IRRELEVANT.union((route.settings.cache or _CACHE).ignore)
    said = _encode_sorted((ANSWERS_VERSION, route.name, providers))
    route.identity = hashlib.sha256(said).digest()
    route.forwarded = tuple(sorted(forwarded))


def _canonical(asked: dict[str, Raw], is_compact: bool) -> bytes:
    """One way to write a request down."""
    written = _encode_sorted(asked)
    if is_compact and (written.find(_BACKSLASH) < 0 or not any(map(written.count, _ESCAPES))):
        return written
    try:
        json.loads(written, object_pairs_hook=_refuse_repeated_keys)
        return _encode(_decode(written))
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError):
        return b"\n" + written  # readers may differ on what it says: equal to nothing but itself


def _refuse_repeated_keys(members: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in members}) < len(members):
        raise ValueError("a key stands twice")
