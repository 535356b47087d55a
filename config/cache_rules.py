"""What caching needs of other sections."""

from config.caching import Cache
from config.mistakes import nearest
from config.report import Report
from config.schema import Config
from config.tree import Mapping, Path, names_at

_DECIDING = frozenset({"messages", "model", "input", "prompt", "system", "query", "documents", "tools"})
"""Without one of these, requests that ask for different things would be the same."""


def check_caches(config: Config, tree: Mapping, report: Report) -> None:
    """Add every mistake of the caches that no type can say."""
    if config.cache.store == "redis" and config.state.redis is None:
        report.add(("cache", "store"), "there is no Redis", allowed="state.redis beside it, or memory")
    for name, model in config.models.items():
        if model.cache is not None:
            _check_cache(model.cache, ("models", name, "cache"), tree, report)


def _check_cache(cache: Cache, path: Path, tree: Mapping, report: Report) -> None:
    for index, field in enumerate(cache.ignore):
        if field in _DECIDING:
            problem = f"requests that differ in {field} have different answers"
            report.add((*path, "ignore", index), problem, allowed="fields that change no answer")
    names = names_at(tree, "models")
    if cache.semantic is not None and cache.semantic.embedding not in names:
        where = (*path, "semantic", "embedding")
        close = nearest(cache.semantic.embedding, list(names))
        report.add(where, "there is no such model", allowed=", ".join(names), nearest=close)
