"""What docs/vector-stores.md says of search: its example works, its bounds and scores are the code's."""

import re
from pathlib import Path
from typing import Any

import pytest

from adapters.vector_io.contract import Hit
from config.vector_stores import Search
from gateway.search import filters, models, question
from gateway.search.fusion import Ranking, fuse
from tests.conftest import StartGateway
from tests.scenarios.vector_stores import client_of, sections, wait_until_settled

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/vector-stores.md").read_text().partition("\n## Search\n")[2].partition("\n## ")[0]


def test_the_example_of_a_search_works(
    start_gateway: StartGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = client_of(start_gateway(**sections(tmp_path / "state")))
    store = client.vector_stores.create()
    texts = {
        "tea.md": ("Green tea wants water of eighty degrees, not hot.", "Ida"),
        "old.md": ("Hot water for green tea.", "Eve"),
    }
    for name, (text, author) in texts.items():
        file = client.files.create(file=(name, text.encode()), purpose="assistants").id
        client.vector_stores.files.create(store.id, file_id=file, attributes={"drink": "tea", "author": author})
    wait_until_settled(client, store.id)
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(program, {"client": client, "store": store})
    assert capsys.readouterr().out == "1.00 tea.md: Green tea wants water of eighty degrees, not hot.\n"


def test_the_bounds_are_the_codes() -> None:
    assert f"{Search().candidates} unless said" in PAGE
    assert f"1 to {question.MOST_RESULTS}" in PAGE
    assert f"{filters.MOST_COMPARISONS} comparisons and {filters.MOST_VALUES:,} values" in PAGE
    assert filters.DEEPEST == 10
    assert "nested ten deep" in PAGE
    assert models.MOST_REWRITTEN == 4
    assert "one to four queries" in PAGE
    assert {name for name in Search.__struct_fields__ if f"`{name}`" not in PAGE} == set()


def test_the_scores_are_the_codes() -> None:
    hits = [Hit(str(number), "f", number, "", 1.0, {}) for number in range(Search().candidates)]
    both: Any = {scored.hit.id: scored.score for scored in fuse([Ranking(1, hits), Ranking(1, hits)])}
    alone = {scored.hit.id: scored.score for scored in fuse([Ranking(1, hits), Ranking(1, hits[1:])])}
    assert (both["0"], alone["0"], round(both[str(len(hits) - 1)], 2)) == (1, 0.5, 0.3)
    assert "1 is first in both, 0.5 first in one and not in the other, 0.3 the last of fifty in both" in PAGE
