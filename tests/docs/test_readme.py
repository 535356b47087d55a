"""README.md and the index of docs/: their examples load, and every link of every page leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.config.loading import read

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
ENVIRON = {name: f"value-of-{name}" for name in re.findall(r"\$\{(\w+)\}", README)} | {
    "OPENAI_API_KEY": "value-of-openai",
    "GROQ_API_KEY": "value-of-groq",
}
PAGES = sorted(page for folder in (".", "docs", "docs/decisions", "examples") for page in (ROOT / folder).glob("*.md"))
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_loads(text: str) -> None:
    assert read(text, ENVIRON).models


def test_the_company_has_what_the_features_are_about() -> None:
    config = read(EXAMPLES[-1], ENVIRON)
    assert len(config.models["fast"].deployments) > 1
    assert config.models["fast"].cache is not None
    assert config.keys[0].limit is not None
    assert config.state.redis is not None
    assert config.state.records is not None
    assert config.telemetry.metrics_key is not None


def links(page: Path) -> list[str]:
    """Where a page leads to in this repository."""
    prose = _FENCED.sub("", page.read_text())
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", prose) if not re.match(r"\w+:", link)]


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text()), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def test_the_index_has_every_page() -> None:
    index = (ROOT / "docs/README.md").read_text()
    assert not [page.name for page in (ROOT / "docs").glob("*.md") if f"({page.name})" not in index + "(README.md)"]
