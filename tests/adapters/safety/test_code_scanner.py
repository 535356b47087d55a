"""The code scanner: which code it looks at, what it says of it, and that it never repeats it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from adapters.safety.code_scanner import CHECK, CodeOptions
from adapters.safety.code_scanner.blocks import Block, blocks
from adapters.safety.contract import SafetyCheck
from tests.adapters.safety.frames import answers
from tests.adapters.safety.judging import judge

pytest.importorskip("bandit", reason="the extra code is not installed")
pytestmark = pytest.mark.asyncio(loop_scope="module")

INSECURE = """Try this:

```python
import subprocess
subprocess.call("ls " + name, shell=True)
```
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def check() -> AsyncIterator[SafetyCheck]:
    check = CHECK.open("code", CodeOptions(skip=["B404"]))
    await check.start()
    yield check
    await check.close()


async def test_insecure_python_is_found_with_rule_and_line(check: SafetyCheck) -> None:
    found = await judge(check, "Hello.", INSECURE)
    assert (found.flagged, found.found, found.scores) == (True, frozenset({"insecure_code"}), {"insecure_code": 0.9})
    assert found.notes == ("B602 subprocess_popen_with_shell_equals_true, line 5",)
    assert found.spans == ()


async def test_code_of_no_language_is_python_if_it_can_be(check: SafetyCheck) -> None:
    assert (await judge(check, "```\neval(input())\n```")).scores == {"insecure_code": 0.6}
    assert (await judge(check, "```\nrm -rf $(eval x) && y\n```")).scores == {}
    assert (await judge(check, "```js\neval(input())\n```")).scores == {}


async def test_a_block_that_is_not_closed_yet_is_looked_at(check: SafetyCheck) -> None:
    assert (await judge(check, "~~~py\nimport pickle\npickle.loads(x)")).scores == {"insecure_code": 0.6}


async def test_credentials_are_found_anywhere_and_never_repeated(check: SafetyCheck) -> None:
    found = await judge(check, "the key is AKIAIOSFODNN7EXAMPLE\n```python\npassword = 'hunter2hunter2'\n```")
    assert found.found == frozenset({"secret"})
    assert "secret aws_access_key, line 1" in found.notes
    assert not [note for note in found.notes if "AKIA" in note or "hunter2" in note]


@pytest.mark.parametrize(
    "text",
    [
        "Forgot your password? Here is how to reset it.",
        "```python\nprint('hello')\n```",
        "```python\nthis is no python\n```",
        "```python\n" + "(" * 5_000 + "\n```",
        "eval(input()) is dangerous, and so is subprocess with shell=True",
    ],
)
async def test_harmless_texts_are_left(check: SafetyCheck, text: str) -> None:
    found = await judge(check, text)
    assert (found.flagged, found.notes) == (False, ())


async def test_below_its_severity_a_finding_has_a_score_and_does_not_count(check: SafetyCheck) -> None:
    found = await judge(check, "```python\nassert user.is_admin\n```")
    assert (found.flagged, found.scores) == (False, {"insecure_code": 0.3})


def test_rules_that_are_left_out_find_nothing_and_the_others_go_on() -> None:
    scanner, code = "adapters.safety.code_scanner.scanner", "assert x\neval(x)\n```"
    others = ("```\nrm -rf $x && y\n```", "```py\nno python\n```", "AKIAIOSFODNN7EXAMPLE")
    ready, *found = answers(scanner, {"skip": ["B101"]}, f"```python\n{code}", f"```\n{code}", *others)
    assert ready == {}
    assert [[rule for _, rule, *_ in each] for each in found] == [["B307"], ["B307"], [], [], ["secret"]]
    _, all_found = answers(scanner, {"skip": []}, f"```python\n{code}")
    assert [(rule, line) for _, rule, _, line, _ in all_found] == [("B101", 2), ("B307", 3)]


async def test_without_the_libraries_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'isthmus\[code\]'"):
        CHECK.open("code", CodeOptions())


async def test_blocks_are_those_of_markdown() -> None:
    text = "a\n```python x=1\none\n````\ntwo\n```\n  ~~~~ \n~~~ \n~~~~\nend\n```\nlast"
    assert list(blocks(text)) == [
        Block("python", "one\n", 3),
        Block("", "  ~~~~ \n~~~ \n~~~~\nend\n", 7),
    ]
    assert list(blocks("````md\n```py\nx\n```\n````\n")) == [Block("md", "```py\nx\n```\n", 2)]
    assert list(blocks("no code `here` at ~~all~~")) == []
