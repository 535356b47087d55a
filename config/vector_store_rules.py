"""What vector stores need of other sections."""

from collections.abc import Container

from config.mistakes import nearest
from config.report import Report
from config.schema import Config
from config.tree import Mapping, names_at
from config.vector_stores import VectorStores, backends_of

_PATH = ("vector_stores",)


def check_vector_stores(config: Config, tree: Mapping, report: Report) -> None:
    """Add every mistake of vector stores that no type can say."""
    settings = config.vector_stores
    if settings is None:
        return
    if config.files is None:
        report.add(_PATH, "there are no files to take in", allowed="the section files beside it")
    if config.state.records is None:
        report.add(_PATH, "there is no database to keep them in", allowed="state.records beside it")
    backends = [*backends_of(settings), *settings.providers]
    if settings.backend is not None and settings.backend not in backends:
        close = nearest(settings.backend, backends)
        report.add((*_PATH, "backend"), "there is no such backend", allowed=", ".join(backends), nearest=close)
    _check_models(settings, tree, report)
    providers = names_at(tree, "providers")
    for index, name in enumerate(settings.providers):
        if name not in providers:
            where, close = (*_PATH, "providers", index), nearest(name, list(providers))
            report.add(where, "there is no such provider", allowed=", ".join(providers), nearest=close)


def check_processes(config: Config, for_one: Container[str], report: Report) -> None:
    """Add a mistake for each backend that several workers would have open at once, and that only one process may."""
    if config.vector_stores is None or config.server.workers == 1:
        return
    for name, backend in config.vector_stores.backends.items():
        if backend.type in for_one:
            problem = "only one process may have it open, and there are several workers"
            report.add((*_PATH, "backends", name, "type"), problem, allowed="server.workers: 1, or another type")


def _check_models(settings: VectorStores, tree: Mapping, report: Report) -> None:
    """A model is named as clients name it: where there are no routes, with its provider before it."""
    routes, providers = names_at(tree, "models"), names_at(tree, "providers")
    said = {
        ("embedding", "model"): settings.embedding.model,
        ("search", "reranker"): settings.search.reranker,
        ("search", "rewriter"): settings.search.rewriter,
    }
    for path, model in said.items():
        if model is not None and not (model in routes or (not routes and model.partition("/")[0] in providers)):
            allowed = ", ".join(routes or (f"{provider}/…" for provider in providers))
            close = nearest(model, list(routes))
            report.add((*_PATH, *path), "there is no such model", allowed=allowed, nearest=close)
