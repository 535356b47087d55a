"""docs/ingestion.md says what is: its example holds the defaults, its tables are the code's."""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import yaml

from config.vector_stores import EmbeddingModel, Ingestion
from gateway.ingest.contract import Chunking, Code
from tests.gateway.ingest.test_formats import LISTED

PAGE = (Path(__file__).parent.parent.parent / "docs/ingestion.md").read_text()
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
STORES: dict[str, Any] = yaml.safe_load(EXAMPLE)["vector_stores"]


def test_the_example_holds_every_setting_with_its_default() -> None:
    assert msgspec.convert(STORES["ingestion"], Ingestion) == Ingestion()
    assert set(STORES["ingestion"]) == set(Ingestion.__struct_fields__)
    embedding = msgspec.convert(STORES["embedding"], EmbeddingModel)
    assert embedding == EmbeddingModel(model="local/minilm")


def test_every_kind_of_text_that_openai_lists_and_the_tests_read_is_named() -> None:
    for suffix in (*LISTED, "html", "pdf", "docx", "pptx", "xlsx", "xls"):
        assert f"`.{suffix}`" in PAGE


def test_every_code_is_explained() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(get_args(Code))


def test_auto_is_told_as_it_is() -> None:
    auto = Chunking()
    assert f"`auto` makes chunks of {auto.tokens} tokens, each of which shares {auto.overlap}" in PAGE
