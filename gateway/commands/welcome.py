"""What `isthmus serve` says once it takes requests."""

import sys

import msgspec

from adapters.inference.registry import find
from config.schema import Config, Provider


def welcome(config: Config, port: int) -> None:
    """Print where the gateway listens, what it serves, and a line that works when pasted."""
    host = config.server.host
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    base = f"{'https' if config.server.tls else 'http'}://{shown}:{port}/v1"
    names = served(config)
    print(f"\nIsthmus serves {base}\n")
    for name, what in names:
        print(f"  {name:<32} {what}")
    key = ' -H "Authorization: Bearer $ISTHMUS_KEY"' if config.keys else ""
    print(f"""
Try it:

  curl {base}/chat/completions -H "Content-Type: application/json"{key} \\
    -d '{{"model": "{_example(names)}", "temperature": 0, "messages": [
         {{"role": "system", "content": "You are a helpful assistant."}},
         {{"role": "user", "content": "What is the capital of France?"}}]}}'

With an OpenAI SDK: base_url="{base}"{"" if config.keys else ', api_key="any"'}. Ctrl-C ends it.
""")
    sys.stdout.flush()


def served(config: Config) -> list[tuple[str, str]]:
    """Names that clients can ask for, and what answers them."""
    if config.models:
        return [
            (name, ", then ".join(f"{d.model} at {d.provider}" for d in model.deployments))
            for name, model in config.models.items()
        ]
    return [each for name, settings in config.providers.items() for each in _served_by(name, settings)]


def _served_by(name: str, settings: Provider) -> list[tuple[str, str]]:
    try:
        adapter = find(settings.dialect)
        if adapter.models is None:
            return [(f"{name}/…", f"any model of {settings.base_url or settings.dialect}")]
        models = adapter.models(msgspec.convert(settings.options, adapter.options))
        return [(f"{name}/{model}", "runs here") for model in models]
    except Exception:  # noqa: BLE001 - an adapter's own functions may raise anything, and the log tells of it
        return [(f"{name}/…", "nothing: its adapter can't be used")]


def _example(names: list[tuple[str, str]]) -> str:
    name = names[0][0] if names else "provider/model"
    return name.replace("…", "MODEL")
