import re
from pathlib import Path

import pytest
import trustme

from tests.config.loading import read, refusal

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
WRONG = re.findall(r"^```yaml wrong\n(.*?)^```\n\n```text\n(.*?)\n```", PAGE, re.MULTILINE | re.DOTALL)
ENVIRON = {name: f"value-of-{name}" for name in re.findall(r"\b[A-Z][A-Z_]+_(?:KEY|ID|SECRET)\b", PAGE)}


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_loads(text: str, tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("localhost")
    (tmp_path / "tls").mkdir()
    issued.cert_chain_pems[0].write_to_path(tmp_path / "tls" / "server.pem")
    issued.private_key_pem.write_to_path(tmp_path / "tls" / "server.key")
    assert read(text, ENVIRON, folder=tmp_path).providers


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) > 10
    assert len(WRONG) == 1


@pytest.mark.parametrize(("text", "report"), WRONG)
def test_a_wrong_example_is_told_what_the_page_says(text: str, report: str) -> None:
    assert str(refusal(text)) == report


def test_the_page_names_every_field_of_a_provider() -> None:
    provider = read("providers: {local: {}}").providers["local"]
    absent = [name for name in provider.__struct_fields__ if f"`{name}`" not in PAGE and f"{name}:" not in PAGE]
    assert absent == ["docs"]
