"""What the fields of one provider mean for each other."""

from config.catalogue import catalogue
from config.files import check_tls
from config.http_syntax import CONNECTION_HEADERS, is_header_name, is_header_value, url_problem
from config.mistakes import nearest
from config.report import Report
from config.schema import Provider
from config.tree import Mapping, Path, Scalar, items_at

NEEDS_BASE_URL = ("openai", "azure")
"""Dialects spoken at many addresses, so that none can be assumed."""

_KEY_HEADERS = frozenset(("authorization", "api-key", "x-api-key"))


def check_provider(name: str, provider: Provider, node: Mapping, guarded: bool, report: Report) -> None:
    """Add the mistakes of one provider, `node` in the tree. `guarded`: the gateway has keys of its own."""
    path: Path = ("providers", name)
    if provider.extends is not None and provider.extends not in catalogue().entries:
        rows = list(catalogue().entries)
        problem, close = "there is no such shipped provider", nearest(provider.extends, rows)
        report.add((*path, "extends"), problem, allowed=", ".join(rows), nearest=close)
    _check_addresses(name, provider, report, path)
    _check_auth(provider, report, path)
    _check_headers(provider, report, path)
    _check_forwarded(node, guarded, report, path)
    if provider.stream_usage == "ask" and "stream_options" in provider.unsupported:
        problem = "`stream_options` is how the gateway asks this provider for usage in streams"
        allowed = "`stream_usage: sent` or `never` beside it, or no stream_options here"
        report.add((*path, "unsupported"), problem, allowed=allowed)
    check_tls(provider.tls, report, (*path, "tls"))


def _check_addresses(name: str, provider: Provider, report: Report, path: Path) -> None:
    if provider.base_url is not None:
        problem = url_problem(provider.base_url, ("http", "https", "unix"))
        if problem is None and "@" in provider.base_url:
            problem = "a key does not stand in the URL: put it in api_key"
        if problem:
            allowed = "http://, https:// or unix:/// and what comes before /chat/completions"
            report.add((*path, "base_url"), problem, allowed=allowed)
    elif provider.dialect in NEEDS_BASE_URL and (not provider.extends or provider.extends in catalogue().entries):
        close = nearest(name, list(catalogue().entries))
        problem = "this field is missing, because no shipped provider has this name"
        if name in catalogue().entries:
            close, problem = None, "this field is missing"
        report.add((*path, "base_url"), problem, allowed="the URL that the provider is reached at", nearest=close)
    if provider.proxy is not None and (problem := url_problem(provider.proxy, ("http",))):
        report.add((*path, "proxy"), problem, allowed="http://host:port")


def _check_auth(provider: Provider, report: Report, path: Path) -> None:
    if provider.auth not in ("bearer", "none"):
        kind, colon, header = provider.auth.partition(":")
        if kind != "header" or not is_header_name(header) or header.lower() in CONNECTION_HEADERS:
            allowed = "bearer, none, or header:<name>"
            close = nearest(kind, ["bearer", "none"]) if not colon else None
            report.add((*path, "auth"), "there is no such way to send a key", allowed=allowed, nearest=close)
    if provider.api_key == "":
        report.add((*path, "api_key"), "the key is empty", allowed="a key, or null where the provider takes none")
    elif provider.api_key is not None and not is_header_value(provider.api_key):
        report.add((*path, "api_key"), "a key can't hold line breaks, control characters or spaces at its ends")


def _check_headers(provider: Provider, report: Report, path: Path) -> None:
    key_header = {"bearer": "authorization"}.get(provider.auth, provider.auth.removeprefix("header:").lower())
    seen: set[str] = set()
    for name, value in provider.headers.items():
        here, lower = (*path, "headers", name), name.lower()
        if not is_header_name(name):
            report.add(here, "this can't be the name of a header", allowed="letters, digits and hyphens")
        elif lower in CONNECTION_HEADERS:
            report.add(here, "the gateway writes this header itself")
        elif lower == key_header and provider.api_key and provider.auth != "none":
            report.add(here, "the key is already sent in this header", allowed="`auth: none`, or no api_key")
        elif lower in seen:
            report.add(here, "this header stands twice")
        elif not is_header_value(value):
            report.add(here, "a header can't hold line breaks, control characters or spaces at its ends")
        seen.add(lower)


def _check_forwarded(node: Mapping, guarded: bool, report: Report, path: Path) -> None:
    for index, item in enumerate(items_at(node, "forward_headers")):
        here, name = (*path, "forward_headers", index), item.text if isinstance(item, Scalar) else ""
        if not is_header_name(name) or name != name.lower():
            report.add(here, "this is not the name of a header in lower case", nearest=name.lower() or None)
        elif name in CONNECTION_HEADERS:
            report.add(here, "the gateway writes this header itself")
        elif guarded and name in _KEY_HEADERS:
            report.add(here, "this would hand the gateway's own key to the provider")
