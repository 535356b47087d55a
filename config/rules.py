"""What one part of a configuration means for another: the checks that no type can say.

Where a list may have lost items with mistakes of their own, the tree is read instead, so that indices stay right.
"""

from config.access_rules import check_access, digest_of, key_problem
from config.cache_rules import check_caches
from config.check import plain
from config.file_rules import check_files
from config.files import check_authorities, check_tls
from config.guardrail_rules import check_guardrails
from config.http_syntax import is_host, is_loopback
from config.limit_rules import check_limits
from config.mistakes import nearest
from config.provider_rules import check_provider
from config.redaction import show_text
from config.redis_url import parse_redis_url
from config.report import Report
from config.route_rules import check_routes
from config.safety import MODERATION_MODELS
from config.safety_rules import check_safety, moderation_names
from config.schema import Config, Server
from config.telemetry_rules import check_telemetry
from config.tree import Mapping, Scalar, as_mapping, items_at, names_at, text_at
from config.vector_store_rules import check_vector_stores

_GUARDS = ("keys", "issuers", "admin")
"""Sections that say who may use the gateway: with one of them it is not open."""


def check_rules(config: Config, tree: Mapping, report: Report) -> None:
    """Add every mistake between the parts of a configuration whose parts have the right types."""
    guarded = any(name in tree.entries and plain(tree.entries[name]) not in (None, []) for name in _GUARDS)
    _check_server(config.server, guarded, report)
    if not names_at(tree, "providers"):
        report.add(("providers",), "no provider is configured", allowed="at least one, for example `openai: {}`")
    for name, provider in config.providers.items():
        node = as_mapping(as_mapping(tree.entries["providers"]).entries[name])
        check_provider(name, provider, node, guarded, report)
    _check_redis(config, report)
    _check_keys(tree, report)
    check_access(config, tree, report)
    check_limits(config, tree, report)
    _check_models(tree, report)
    check_routes(config, tree, report)
    check_caches(config, tree, report)
    check_guardrails(config, tree, report)
    check_safety(config, tree, report)
    check_telemetry(config.telemetry, report)
    check_files(config, tree, report)
    check_vector_stores(config, tree, report)


def _check_server(server: Server, guarded: bool, report: Report) -> None:
    path = ("server", "host")
    if not is_host(server.host):
        allowed = "an IP address or a name; 0.0.0.0 or :: for every address of this machine"
        report.add(path, "no server can listen here", allowed=allowed)
    elif not is_loopback(server.host) and not guarded:
        problem = "without keys, anyone who reaches this address could use the providers"
        report.add(path, problem, allowed="keys, or 127.0.0.1")
    if server.tls:
        check_tls(server.tls, report, ("server", "tls"))


def _check_redis(config: Config, report: Report) -> None:
    redis, path = config.state.redis, ("state", "redis")
    if redis is None:
        return
    try:
        parse_redis_url(redis.url)
    except ValueError as error:
        report.add((*path, "url"), "this is no URL of a Redis", allowed=str(error))
    check_authorities(redis.ca_file, report, (*path, "ca_file"))


def _check_keys(tree: Mapping, report: Report) -> None:
    names: dict[str, int] = {}
    digests: dict[str, int] = {}
    for index, node in enumerate(items_at(tree, "keys")):
        path = ("keys", index)
        if name := text_at(node, "name"):
            first = names.setdefault(name, index)
            if first != index:
                report.add((*path, "name"), f"keys[{first}] has this name")
        if key := text_at(node, "key"):
            first = digests.setdefault(digest_of(key), index)
            if first != index:
                report.add((*path, "key"), f"keys[{first}] is the same key")
            elif problem := key_problem(key):
                report.add((*path, "key"), problem[0], allowed=problem[1])
        for place, pattern in enumerate(items_at(node, "models")):
            if isinstance(pattern, Scalar) and pattern.kind == "text":
                _check_pattern(pattern.text, tree, report, (*path, "models", place))


def _check_pattern(pattern: str, tree: Mapping, report: Report, path: tuple[str | int, ...]) -> None:
    """A name in a key's `models` that nothing answers to would lock its holder out without a word."""
    models, providers = names_at(tree, "models"), names_at(tree, "providers")
    checks = moderation_names(tree)
    if checks and (pattern in checks or pattern in MODERATION_MODELS):
        return
    if "*" in pattern or pattern in models or (not models and pattern.partition("/")[0] in providers):
        return
    known = list(models) or [f"{name}/*" for name in providers]
    problem, allowed, close = "there is no such model", ", ".join(["*", *known]), nearest(pattern, known)
    report.add(path, problem, allowed=allowed, nearest=close)


def _check_models(tree: Mapping, report: Report) -> None:
    providers = names_at(tree, "providers")
    section = as_mapping(tree.entries.get("models"))
    for name in section.entries:
        path = ("models", name)
        provider, slash, rest = name.partition("/")
        if slash and provider in providers:
            problem = f"this name already means the model {show_text(rest)} of the provider {provider}"
            report.add(path, problem, place=section.key_places[name])
        elif not name.isprintable() or name != name.strip():
            report.add(
                path, "a name has no spaces at its ends and no control characters", place=section.key_places[name]
            )
