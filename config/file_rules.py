"""What files need of other sections."""

from config.mistakes import nearest
from config.report import Report
from config.schema import Config
from config.tree import Mapping, names_at

_PATH = ("files",)


def check_files(config: Config, tree: Mapping, report: Report) -> None:
    """Add every mistake of files that no type can say."""
    settings = config.files
    if settings is None:
        return
    if config.state.records is None and config.vector_stores is None:  # which would say the same
        report.add(_PATH, "there is no database to say whose they are", allowed="state.records beside it")
    providers = names_at(tree, "providers")
    for index, name in enumerate(settings.providers):
        if name not in providers:
            where, close = (*_PATH, "providers", index), nearest(name, list(providers))
            report.add(where, "there is no such provider", allowed=", ".join(providers), nearest=close)
