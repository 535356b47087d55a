"""`isthmus compatibility`: every request field and what becomes of it at every shipped provider.

docs/compatibility.md is what this prints; a test holds the two together, and another holds the tables to the code.
"""

import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec
import yaml

from adapters.inference.compatibility import support
from adapters.inference.registry import find
from adapters.wire.fields import Fields
from config.catalogue import ROWS
from config.schema import Operation, Provider

Table: TypeAlias = Mapping[str, Mapping[Operation, Fields]]

_SIGNS = {"kept": "●", "mapped": "◐", "emulated": "○", "unsupported": "–"}
_INTRODUCTION = """\
# What becomes of each request field

● kept: the provider has it under the same name. ◐ mapped: it has the like under another name or form. ○ emulated: the
gateway brings it about by other means. – unsupported: left out and named in the `x-isthmus-dropped` header, or refused
with a 400 that names it, as `on_unsupported` in the configuration and the request's header
`x-isthmus-unsupported: refuse | report` say.

This page is printed by `isthmus compatibility` from the adapters' own tables; `GET /compatibility.json` serves the same
for the providers of a running gateway. A field that is not listed goes on as it is to providers that speak OpenAI's
format, and is left out and reported at all others.
"""
_TITLES: dict[Operation, str] = {
    "chat": "Chat completions",
    "completions": "Completions",
    "embeddings": "Embeddings",
    "rerank": "Rerank",
}


def run(arguments: Namespace) -> int:
    """Print the page, or the same as JSON."""
    table = shipped()
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(table), indent=2).decode() + "\n")
    else:
        sys.stdout.write(page(table))
    return 0


def shipped() -> Table:
    """Every shipped provider's treatment of the fields of each operation it has."""
    rows = yaml.safe_load(ROWS.read_text("utf-8"))
    return {name: treatment(msgspec.convert(row, Provider)) for name, row in sorted(rows.items())}


def treatment(settings: Provider) -> Mapping[Operation, Fields]:
    """What becomes of the fields of each operation that has a table."""
    adapter = find(settings.dialect)
    found = {operation: support(settings, adapter, operation) for operation in _TITLES}
    return {operation: fields for operation, fields in found.items() if fields}


def page(table: Table) -> str:
    """The table as a page."""
    parts = [_INTRODUCTION]
    for operation, title in _TITLES.items():
        columns = {name: told[operation] for name, told in table.items() if operation in told}
        if columns:
            parts += [f"\n## {title}\n", *_matrix(columns), f"\n### {title}: how\n", *_notes(columns)]
    return "\n".join(parts) + "\n"


def _matrix(columns: Mapping[str, Fields]) -> Iterator[str]:
    """A row for each field; providers that treat all of them alike share a column."""
    names = sorted({field for fields in columns.values() for field in fields})
    shared: dict[tuple[str, ...], list[str]] = {}
    for provider, fields in columns.items():
        signs = tuple(_SIGNS[fields[name].how] if name in fields else " " for name in names)
        shared.setdefault(signs, []).append(provider)
    yield f"| field | {' | '.join('<br>'.join(providers) for providers in shared.values())} |"
    yield "|---" + "|:-:" * len(shared) + "|"
    for place, name in enumerate(names):
        yield f"| `{name}` | {' | '.join(signs[place] for signs in shared)} |"


def _notes(columns: Mapping[str, Fields]) -> Iterator[str]:
    """What the tables say beyond a sign; providers that say the same stand together."""
    said: dict[str, list[str]] = {}
    for provider, fields in columns.items():
        for name, field in sorted(fields.items()):
            if field.note:
                said.setdefault(f"`{name}` {field.how}: {field.note}", []).append(provider)
    together: dict[str, list[str]] = {}
    for note, those in said.items():
        together.setdefault(", ".join(those), []).append(note)
    for names, notes in together.items():
        yield f"- **{names}**\n" + "\n".join(f"  - {note}" for note in notes)
