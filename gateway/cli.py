"""The command line: `isthmus serve | check | models | compatibility | schema | version`."""

import argparse
import gc
import sys
from importlib import import_module
from pathlib import Path

_DESCRIPTION = """\
One OpenAI-compatible server in front of many model providers.

  isthmus serve                          a real local model on http://127.0.0.1:8000, no key, no file
  isthmus serve --config isthmus.yaml    your providers, models and keys
  isthmus check isthmus.yaml --reach     is the file right, and does what it depends on answer?
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; give the exit code: 0 well, 1 failed, 2 wrong use or configuration."""
    parsed = _parser().parse_args(arguments)
    gc.disable()  # a start leaves next to no garbage, and to look for it takes a sixth of its time: serving enables it
    try:
        command = import_module(f"gateway.commands.{parsed.command}")
        return int(command.run(parsed))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    finally:
        gc.enable()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="isthmus", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the gateway")
    _config_option(serve)
    serve.add_argument("--host", help="address to listen at (default: server.host, 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen at; 0 takes a free one (default: server.port, 8000)")
    serve.add_argument("--workers", type=int, help="processes that share the port (default: server.workers, 1)")

    check = commands.add_parser("check", help="validate a configuration and say what each model resolves to")
    check.add_argument("config", type=Path, help="the file, usually isthmus.yaml")
    check.add_argument(
        "--reach", action="store_true", help="also look whether providers, databases, stores and the collector answer"
    )

    models = commands.add_parser("models", help="list the models that a configuration serves")
    _config_option(models)

    compatibility = commands.add_parser(
        "compatibility", help="what becomes of each request field at each shipped provider"
    )
    compatibility.add_argument("--json", action="store_true", help="print JSON instead of Markdown")

    commands.add_parser("schema", help="print the JSON Schema of isthmus.yaml, for editors")
    commands.add_parser("version", help="print the version")

    worker = commands.add_parser("worker")  # what `serve --workers` starts; not for people
    _config_option(worker)
    worker.add_argument("--host", required=True)
    worker.add_argument("--port", type=int, required=True)
    worker.add_argument("--workers", type=int, required=True)
    worker.add_argument("--bound-port", type=int, required=True)
    worker.add_argument("--said", nargs="*", required=True)
    worker.add_argument("--index", type=int, required=True)
    worker.add_argument("--in-flight", type=int, required=True)
    worker.add_argument("--run-dir", type=Path, required=True)
    return parser


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the configuration (default: isthmus.yaml here if there is one, else a local model)",
    )
