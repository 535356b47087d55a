"""`isthmus check`: is the file right, what does each model resolve to, does all that it depends on answer?"""

from argparse import Namespace
from pathlib import Path

from config.facts import find_facts
from config.limit_rules import has_budgets
from config.mistakes import ConfigError
from config.schema import Config
from gateway.commands.configuration import complain, read
from gateway.commands.reach import reach
from gateway.commands.welcome import served


def run(arguments: Namespace) -> int:
    """Check a file; 2 where it is wrong, 1 where something that it depends on does not answer."""
    try:
        config = read(arguments.config, strict=True)
    except ConfigError as error:
        return complain(error)
    _describe(arguments.config, config)
    if not arguments.reach:
        return 0
    print("\nReaching what it depends on:")
    return 0 if reach(config) else 1


def _describe(path: Path, config: Config) -> None:
    server = config.server
    keys = f"{len(config.keys)} keys" if config.keys else "no keys, so on loopback only"
    print(f"{path} is right: {server.host} port {server.port}, {server.workers} worker(s), {keys}.\n")
    width = max((len(name) for name, _ in served(config)), default=0)
    for name, what in served(config):
        print(f"  {name:<{width}}  {what}")
    if unpriced := _unpriced(config):
        print(f"""
Nobody says what these cost: {", ".join(unpriced)}.
Calls to them under a budget are refused. Write their prices into facts, or limits: {{unknown_price: allow}}.""")


def _unpriced(config: Config) -> list[str]:
    """Deployments that no call under a budget can go to, where there are budgets."""
    if not has_budgets(config):
        return []
    deployments = [each for model in config.models.values() for each in model.deployments]
    named = {(each.provider, each.model): config.providers[each.provider].extends for each in deployments}
    facts = {
        f"{provider}/{model}": find_facts(provider, model, config.facts) or find_facts(row or provider, model, {})
        for (provider, model), row in named.items()
    }
    return [name for name, known in facts.items() if known is None or known.prices is None]
