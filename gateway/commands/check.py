"""`isthmus check`: is the file right, what does each model resolve to, does every provider answer?"""

import asyncio
import tempfile
import time
from argparse import Namespace
from pathlib import Path

from adapters.inference.registry import find
from adapters.wire.errors import GatewayError
from config.facts import find_facts
from config.limit_rules import has_budgets
from config.mistakes import ConfigError
from config.schema import Config
from gateway.commands.configuration import complain, read
from gateway.commands.welcome import served
from gateway.provider import Provider

_REACH_SECONDS = 10


def run(arguments: Namespace) -> int:
    """Check a file; 2 where it is wrong, 1 where a provider does not answer."""
    try:
        config = read(arguments.config, strict=True)
    except ConfigError as error:
        return complain(error)
    _describe(arguments.config, config)
    if not arguments.reach:
        return 0
    print("\nReaching every provider:")
    return 0 if asyncio.run(_reach(config)) else 1


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


async def _reach(config: Config) -> bool:
    with tempfile.TemporaryDirectory(prefix="isthmus-") as run_dir:
        answers = await asyncio.gather(*(_ask(name, config, Path(run_dir)) for name in config.providers))
    return all(answers)


async def _ask(name: str, config: Config, run_dir: Path) -> bool:
    settings = config.providers[name]
    provider = Provider(name, settings, config.server, find(settings.dialect), run_dir)
    started = time.monotonic()
    try:
        async with asyncio.timeout(_REACH_SECONDS):
            models = set(await provider.model_names())
    except (GatewayError, TimeoutError) as error:
        print(f"  {name}: FAILED, {error or f'no answer within {_REACH_SECONDS} s'}")
        return False
    finally:
        await provider.close()
    milliseconds = round((time.monotonic() - started) * 1000)
    wanted = {d.model for model in config.models.values() for d in model.deployments if d.provider == name}
    missing = sorted(wanted - models) if models else []
    note = f"; not in its list: {', '.join(missing)}" if missing else ""
    print(f"  {name}: answers in {milliseconds} ms, {len(models)} models{note}")
    return True
