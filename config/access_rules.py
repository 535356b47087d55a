"""The checks of who may use the gateway: keys' addresses and ends, issuers, the admin API and its database."""

import hashlib
import re
from collections.abc import Callable
from ipaddress import ip_network
from urllib.parse import urlsplit

from config.http_syntax import is_loopback, url_problem
from config.moments import moment_of
from config.report import Report
from config.schema import Config
from config.tree import Mapping, Node, Path, Scalar, items_at, text_at

_DIGEST = re.compile(r"sha256:[0-9a-fA-F]{64}")
_SENDABLE = re.compile(r"[\x21-\x7e]+")
_SECRET = "<secret>"  # noqa: S105 - what is shown in a secret's stead
_DATABASES = ("postgresql", "postgres")


def check_access(config: Config, tree: Mapping, report: Report) -> None:
    """Add every mistake of `keys`, `issuers`, `admin`, `state.records` and `server.trusted_proxies`."""
    for index, key in enumerate(items_at(tree, "keys")):
        path = ("keys", index)
        _check_networks(items_at(key, "addresses"), (*path, "addresses"), report)
        if (expires := text_at(key, "expires")) and not _reads(moment_of, expires):
            report.add((*path, "expires"), "no such time", allowed='"2027-01-31" or "2027-01-31T18:00:00Z"')
    _check_networks(items_at(tree.entries.get("server"), "trusted_proxies"), ("server", "trusted_proxies"), report)
    _check_issuers(tree, report)
    _check_admin(config, tree, report)
    _check_records(config, report)


def key_problem(key: str) -> tuple[str, str | None] | None:
    """What is wrong with a key as it is written, and what is allowed instead."""
    if key.startswith("sha256:") and not _DIGEST.fullmatch(key):
        return "sha256: stands before the 64 hex digits of a key's digest", None
    if not _SENDABLE.fullmatch(key):
        return "no client could send this key", "ASCII letters, digits and punctuation, as clients send it in a header"
    return None


def digest_of(key: str) -> str:
    """The digest of a key, however it is written."""
    return key[7:].lower() if _DIGEST.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()


def _check_networks(items: tuple[Node, ...], path: Path, report: Report) -> None:
    for index, item in enumerate(items):
        if isinstance(item, Scalar) and not _reads(ip_network, item.text):
            report.add((*path, index), "no such network", allowed="10.0.0.0/8, 2001:db8::/32 or one address")


def _check_issuers(tree: Mapping, report: Report) -> None:
    names: dict[str, int] = {}
    prefixes: dict[str, int] = {}
    for index, node in enumerate(items_at(tree, "issuers")):
        for field in ("issuer", "jwks_url"):
            if (url := text_at(node, field)) and (problem := _web_problem(url)):
                report.add(("issuers", index, field), problem)
        if name := text_at(node, "issuer"):
            first = names.setdefault(name, index)
            if first != index:
                report.add(("issuers", index, "issuer"), f"issuers[{first}] is the same issuer")
        prefix = text_at(node, "owner_prefix") or ""
        first = prefixes.setdefault(prefix, index)
        if first != index:
            problem = f"issuers[{first}] has the same owner_prefix: the same subject of both would be one owner"
            report.add(("issuers", index, "owner_prefix"), problem, allowed="a prefix of its own, as acme-")


def _check_admin(config: Config, tree: Mapping, report: Report) -> None:
    if config.admin is None:
        return
    path = ("admin", "key")
    if config.state.records is None:
        problem = "the admin API needs a database for keys and usage"
        report.add(("admin",), problem, found="no state.records", allowed="state: {records: {}} for a SQLite file")
    if problems := key_problem(config.admin.key):
        report.add(path, problems[0], allowed=problems[1])
    for index, node in enumerate(items_at(tree, "keys")):
        key = text_at(node, "key")
        if key and digest_of(key) == digest_of(config.admin.key):
            report.add(path, f"keys[{index}] is the same key: whoever holds it could make keys", allowed="another one")


def _check_records(config: Config, report: Report) -> None:
    records = config.state.records
    if records is None or records.url is None or records.url.startswith("sqlite:///"):
        return
    try:
        parts = urlsplit(records.url)
        readable = parts.scheme in _DATABASES and parts.port != 0
    except ValueError:
        readable = False
    if not readable:
        allowed = "postgresql://user:password@host/database or sqlite:///path"
        report.add(("state", "records", "url"), "no database can be read from this", found=_SECRET, allowed=allowed)


def _web_problem(url: str) -> str | None:
    """What keeps keys from being fetched there."""
    problem = url_problem(url, ("https", "http"))
    if problem is None and not url.startswith("https://") and not is_loopback(urlsplit(url).hostname or ""):
        problem = "keys come over https only, except from this machine"
    return problem


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True
