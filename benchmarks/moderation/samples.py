"""OpenAI's own evaluation set, which is not shipped here: 1,680 texts of others, labelled by people.

https://github.com/openai/moderation-api-release (MIT): `data/samples-1680.jsonl.gz`. A category that a text has no
label for counts neither way. Every second text was looked at when rules were written; the others are held out.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.moderation.texts import Text

_LABELS: Final = {
    "S": "sexual",
    "S3": "sexual/minors",
    "H": "hate",
    "H2": "hate/threatening",
    "HR": "harassment",
    "SH": "self-harm",
    "V": "violence",
    "V2": "violence/graphic",
}
_UNLABELLED: Final = frozenset(
    ("harassment/threatening", "illicit", "illicit/violent", "self-harm/intent", "self-harm/instructions")
)


def read_samples(path: Path) -> Iterator[Text]:
    """The texts of the file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for place, line in enumerate(file):
            row = json.loads(line)
            labels = frozenset(name for key, name in _LABELS.items() if row.get(key) == 1)
            unknown = frozenset(name for key, name in _LABELS.items() if key not in row)
            yield Text(row["prompt"], labels, unknown | _UNLABELLED, held_out=place % 2 == 1)
