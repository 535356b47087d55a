"""Bandit and detect-secrets, in the process that `apart` starts.

https://bandit.readthedocs.io/ and https://github.com/Yelp/detect-secrets
"""

import logging
from collections.abc import Callable
from io import BytesIO
from typing import Any

from adapters.safety.code_scanner.blocks import Block, blocks

_PYTHON = frozenset({"python", "py", "python3", "py3"})
_UNSAID = frozenset({"", "text", "txt", "code"})
_SCORES = {"LOW": 0.3, "MEDIUM": 0.6, "HIGH": 0.9}
_SECRET = 0.9

Finding = tuple[str, str, float, int, str]
"""insecure_code or secret, the rule, how bad it is, the line in the text, and the rule's name. Never the code."""


def prepare(options: dict[str, Any]) -> Callable[[str], list[Finding]]:
    """What finds insecure code and secrets in a text."""
    logging.disable()
    insecure, secrets = _bandit(options["skip"]), _detect_secrets()

    def scan(text: str) -> list[Finding]:
        found: list[Finding] = []
        for block in blocks(text):
            if block.language in _PYTHON or (block.language in _UNSAID and _is_python(block.code)):
                found += insecure(block)
        return found + secrets(text)

    return scan


def _bandit(skip: list[str]) -> Callable[[Block], list[Finding]]:
    from bandit.core.config import BanditConfig
    from bandit.core.manager import BanditManager
    from bandit.core.test_set import BanditTestSet

    config = BanditConfig()
    rules = BanditTestSet(config, profile={"exclude": set(skip)})

    def insecure(block: Block) -> list[Finding]:
        manager = BanditManager(config, "file")
        manager.b_ts = rules
        code = block.code.encode()
        try:
            manager._execute_ast_visitor("block.py", BytesIO(code), code, {})  # its public way reads files
        except (SyntaxError, ValueError, RecursionError):
            return []
        return [
            ("insecure_code", each.test_id, _SCORES.get(each.severity, 0.3), each.lineno + block.line - 1, each.test)
            for each in manager.results
        ]

    return insecure


def _detect_secrets() -> Callable[[str], list[Finding]]:
    """Of what has a form or a name: that a text looks like chance says little where there is no code around it."""
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import default_settings, transient_settings

    with default_settings() as settings:
        plugins = [{"name": name} for name in settings.plugins if not name.endswith("HighEntropyString")]

    def secrets(text: str) -> list[Finding]:
        with transient_settings({"plugins_used": plugins}):
            found = {
                ("secret", "secret", _SECRET, number, each.type.lower().replace(" ", "_"))
                for number, line in enumerate(text.splitlines(), 1)
                for each in scan_line(line)
            }
        return sorted(found, key=lambda each: each[3])

    return secrets


def _is_python(code: str) -> bool:
    try:
        compile(code, "block.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
