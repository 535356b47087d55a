"""Insecure code and secrets in texts: Python in fenced blocks by bandit, credentials anywhere by detect-secrets."""

import importlib.util
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from adapters.safety.apart import Apart
from adapters.safety.contract import Ask, CheckType, Content, Judgement

_NEEDED = ("bandit", "detect_secrets")
_NOTES_MAX = 20
_findings = msgspec.json.Decoder(list[tuple[str, str, float, int, str]])


class CodeOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The options of the code scanner."""

    severity: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """From which score a finding counts: bandit's low severity is 0.3, medium 0.6, high 0.9, and so is a secret."""
    skip: list[str] = field(default_factory=list)
    """Bandit's rules that are left out, such as B101."""
    seconds: Annotated[float, Meta(gt=0, le=600)] = 10
    """For one text; the process that took longer is started anew."""


class CodeScanner:
    """The check."""

    def __init__(self, name: str, options: CodeOptions) -> None:
        missing = [each for each in _NEEDED if importlib.util.find_spec(each) is None]
        if missing:
            raise ImportError(f"{' and '.join(missing)} not installed: pip install 'isthmus[code]'")
        self._severity = options.severity
        self._scanner = Apart("adapters.safety.code_scanner.scanner", {"skip": options.skip}, options.seconds)

    async def start(self) -> None:
        """Start its process. Raises CheckUnavailable."""
        await self._scanner.start()

    async def close(self) -> None:
        """End its process."""
        await self._scanner.close()

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        """One judgement for each content. Raises CheckUnavailable."""
        return [await self._judge(content) for content in contents]

    async def _judge(self, content: Content) -> Judgement:
        scores: dict[str, float] = {}
        notes: list[str] = []
        for text in content.texts:
            for category, rule, score, line, name in _findings.decode(await self._scanner.do(text)):
                scores[category] = max(score, scores.get(category, 0.0))
                if score >= self._severity and len(notes) < _NOTES_MAX:
                    notes.append(f"{rule} {name}, line {line}")
        found = frozenset(name for name, score in scores.items() if score >= self._severity)
        return Judgement(bool(found), scores, found, notes=tuple(notes))


CHECK = CheckType("code_scanner", CodeOptions, CodeScanner, ("insecure_code", "secret"))
