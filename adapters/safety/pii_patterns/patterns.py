"""Personal data and secrets that have a form of their own, found by patterns, and by check sums where there are any.

The names are Presidio's: https://microsoft.github.io/presidio/supported_entities/
Every pattern is bounded, so that no text takes longer than its length.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Finding(NamedTuple):
    """A place in a text."""

    start: int
    end: int
    label: str


class _Pattern(NamedTuple):
    label: str
    form: re.Pattern[str]
    holds: Callable[[str], int]
    """How many of the characters belong to it; 0 where it is none."""


_IBAN_LENGTHS = {
    "AD": 24,
    "AE": 23,
    "AT": 20,
    "BE": 16,
    "BG": 22,
    "CH": 21,
    "CY": 28,
    "CZ": 24,
    "DE": 22,
    "DK": 18,
    "EE": 20,
    "ES": 24,
    "FI": 18,
    "FR": 27,
    "GB": 22,
    "GI": 23,
    "GR": 27,
    "HR": 21,
    "HU": 28,
    "IE": 22,
    "IL": 23,
    "IS": 26,
    "IT": 27,
    "LI": 21,
    "LT": 20,
    "LU": 20,
    "LV": 21,
    "MC": 27,
    "MT": 31,
    "NL": 18,
    "NO": 15,
    "PL": 28,
    "PT": 25,
    "RO": 24,
    "SA": 24,
    "SE": 24,
    "SI": 19,
    "SK": 24,
    "SM": 27,
    "TR": 26,
    "UA": 29,
}
"""https://www.swift.com/standards/data-standards/iban-international-bank-account-number"""
_PHONE_DIGITS = range(8, 16)
_LEAST_IPV6 = 6


def find(text: str, labels: frozenset[str]) -> list[Finding]:
    """What stands in a text, in order, none over another: where two do, what begins first, then the longer one."""
    found = sorted(_all(text, labels), key=lambda each: (each.start, -each.end))
    kept: list[Finding] = []
    for each in found:
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
    return kept


def _all(text: str, labels: frozenset[str]) -> Iterator[Finding]:
    for label, form, holds in _PATTERNS:
        if label in labels:
            for match in form.finditer(text):
                if length := holds(match[0]):
                    yield Finding(match.start(), match.start() + length, label)


def _card(text: str) -> int:
    """https://en.wikipedia.org/wiki/Luhn_algorithm"""
    digits = [int(character) for character in text if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return len(text) if (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and any(digits) else 0


def _iban(text: str) -> int:
    """ISO 13616: the sum of the number, its first four characters at its end, is 1 modulo 97."""
    length = _IBAN_LENGTHS.get(text[:2])
    if length is None:
        return 0
    taken = ""
    for place, character in enumerate(text, 1):
        taken += character.strip()
        if len(taken) == length:
            number = "".join(str(int(each, 36)) for each in taken[4:] + taken[:4])
            return place if int(number) % 97 == 1 else 0
    return 0


def _phone(text: str) -> int:
    return len(text) if sum(map(str.isdigit, text)) in _PHONE_DIGITS else 0


def _ip(text: str) -> int:
    if ":" in text and (len(text) < _LEAST_IPV6 or text.count(":") < 2):
        return 0
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return 0
    return len(text)


_SECRETS = (
    r"sk-[A-Za-z0-9_-]{20,200}",  # OpenAI, Anthropic and many that follow them
    r"(?:AKIA|ASIA)[A-Z0-9]{16}",
    r"gh[pousr]_[A-Za-z0-9]{36,255}",
    r"github_pat_[A-Za-z0-9_]{22,255}",
    r"glpat-[A-Za-z0-9_-]{20,64}",
    r"xox[abeprs]-[A-Za-z0-9-]{10,250}",
    r"AIza[A-Za-z0-9_-]{35}",
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,128}",
    r"hf_[A-Za-z0-9]{30,64}",
    r"eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}",
    r"-----BEGIN (?:[A-Z]{1,12} ){0,2}PRIVATE KEY-----[A-Za-z0-9+/=\s]{0,8000}(?:-----END (?:[A-Z]{1,12} ){0,2}PRIVATE"
    r" KEY-----)?",
)
_PATTERNS = (
    _Pattern("SECRET_KEY", re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_SECRETS)})"), len),
    _Pattern(
        "EMAIL_ADDRESS",
        re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])"),
        len,
    ),
    _Pattern("CREDIT_CARD", re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d])"), _card),
    _Pattern("IBAN_CODE", re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,32}"), _iban),
    _Pattern("US_SSN", re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])"), len),
    _Pattern(
        "PHONE_NUMBER",
        re.compile(
            r"(?<![\w.+])(?:\+\d{1,3}(?:[ ./-]?\(?\d{1,4}\)?){2,6}"
            r"|(?:1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4})(?!\w)"
        ),
        _phone,
    ),
    _Pattern(
        "IP_ADDRESS",
        re.compile(
            r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?)(?![\w:]|\.\d)"
        ),
        _ip,
    ),
)
LABELS = frozenset(pattern.label for pattern in _PATTERNS)
