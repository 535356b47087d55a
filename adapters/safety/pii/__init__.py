"""Personal data, found by Presidio: by patterns, and names and places by a language model for English.

https://microsoft.github.io/presidio/
"""

import importlib.util
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from adapters.safety.apart import Apart
from adapters.safety.contract import Ask, CheckType, Content, Judgement
from adapters.safety.pii.analyzer import MODEL
from adapters.safety.pii.found import CATEGORY, Found, judgement

_NEEDED = ("presidio_analyzer", MODEL)
_PIECE = 100_000
"""Characters that Presidio is given at once; more would take it longer than anybody waits."""
_SHARED = 200
"""Characters that such pieces have in common, so that nothing is cut at their ends without being seen whole."""

_found = msgspec.json.Decoder(list[list[Found]])

_USUAL = (
    *("PERSON", "LOCATION", "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "CRYPTO", "IBAN_CODE", "IP_ADDRESS"),
    *("MEDICAL_LICENSE", "US_BANK_NUMBER", "US_DRIVER_LICENSE", "US_ITIN", "US_PASSPORT", "US_SSN", "UK_NHS"),
)


class PiiOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The options of `pii`."""

    entities: list[str] = field(default_factory=lambda: list(_USUAL))
    """What is looked for, in Presidio's names; what tells who somebody is, unless said. An empty list is everything,
    dates and addresses of web sites too."""
    score: Annotated[float, Meta(ge=0, le=1)] = 0.4
    """How sure it must be: a telephone number with no word about it has 0.4."""
    seconds: Annotated[float, Meta(gt=0, le=600)] = 30
    """For one text; the process that took longer is started anew."""


class Pii:
    """Presidio, in a process of its own."""

    def __init__(self, name: str, options: PiiOptions) -> None:
        missing = [each for each in _NEEDED if importlib.util.find_spec(each) is None]
        if missing:
            raise ImportError(f"{' and '.join(missing)} not installed: pip install 'isthmus[pii]'")
        asked = {"entities": options.entities, "score": options.score}
        self._presidio = Apart("adapters.safety.pii.analyzer", asked, options.seconds)

    async def start(self) -> None:
        """Load the model. Raises CheckUnavailable."""
        await self._presidio.start()

    async def close(self) -> None:
        """End its process."""
        await self._presidio.close()

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        """One judgement for each content. Raises CheckUnavailable."""
        return [judgement([await self._find(text) for text in content.texts]) for content in contents]

    async def _find(self, text: str) -> list[Found]:
        starts = range(0, max(1, len(text) - _SHARED), _PIECE - _SHARED)
        found: list[Found] = []
        for start in starts:
            (piece,) = _found.decode(await self._presidio.do([text[start : start + _PIECE]]))
            found += [(begin + start, end + start, label, score) for begin, end, label, score in piece]
        return found


CHECK = CheckType("pii", PiiOptions, Pii, (CATEGORY,), redacts=True)
