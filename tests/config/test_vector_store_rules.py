"""What vector stores need of other sections: the advice for each mistake."""

import pytest

from config.loader import loads
from config.mistakes import ConfigError
from config.options import Offered
from config.vector_stores import backend_of, backends_of
from tests.config.loading import OPTION_TYPES, read, refusal

HEAD = """
providers: {lab: {base_url: "http://lab/v1"}}
models: {embed: {deployments: [{provider: lab, model: e}]}}
"""
STATE = """
state: {records: {}}
files: {}
"""


@pytest.mark.parametrize(
    ("text", "path", "allowed", "nearest"),
    [
        ("files: {}\nvector_stores: {embedding: {model: embed}}", "vector_stores", "state.records beside it", None),
        (
            "state: {records: {}}\nvector_stores: {embedding: {model: embed}}",
            "vector_stores",
            "the section files beside it",
            None,
        ),
        (
            STATE + "vector_stores: {embedding: {model: embed}, backends: {here: {type: x}}, backend: her}",
            "vector_stores.backend",
            "here",
            "here",
        ),
        (STATE + "vector_stores: {}", "vector_stores.embedding.model", "embed", None),
        (
            STATE + "vector_stores: {embedding: {model: embed}, search: {reranker: embedd}}",
            "vector_stores.search.reranker",
            "embed",
            "embed",
        ),
        (
            STATE + "vector_stores: {embedding: {model: embed}, search: {rewriter: gpt}}",
            "vector_stores.search.rewriter",
            "embed",
            None,
        ),
        (
            STATE + "vector_stores: {embedding: {model: embed}, providers: [labb]}",
            "vector_stores.providers[0]",
            "lab",
            "lab",
        ),
    ],
)
def test_mistakes_are_told_with_what_is_allowed(text: str, path: str, allowed: str, nearest: str | None) -> None:
    (found,) = refusal(HEAD + text).mistakes
    assert (found.path, found.allowed, found.nearest) == (path, allowed, nearest)


def test_without_routes_a_model_is_named_with_its_provider() -> None:
    head = 'providers: {lab: {base_url: "http://lab/v1"}}' + STATE
    assert read(head + "vector_stores: {embedding: {model: lab/e}}").vector_stores is not None
    (found,) = refusal(head + "vector_stores: {embedding: {model: other/e}}").mistakes
    assert (found.path, found.allowed) == ("vector_stores.embedding.model", "lab/…")


def test_a_backend_for_one_process_is_refused_with_several_workers() -> None:
    text = (
        HEAD + STATE + "vector_stores: {embedding: {model: embed}, backends: {here: {type: alone}, b: {type: many}}}\n"
    )
    offered = Offered(for_one_process={"alone"})
    loads(text, option_types=OPTION_TYPES, offered=offered)
    with pytest.raises(ConfigError) as raised:
        loads(text + "server: {workers: 2}", option_types=OPTION_TYPES, offered=offered)
    (found,) = raised.value.mistakes
    assert (found.path, found.allowed) == (
        "vector_stores.backends.here.type",
        "server.workers: 1, or another type",
    )


def test_stores_that_name_no_backend_are_in_the_first_one_or_in_the_one_that_is_said() -> None:
    head = HEAD + STATE + "vector_stores: {embedding: {model: embed}, "
    embedded = read(head + "}").vector_stores
    first = read(head + "backends: {b: {type: x}, a: {type: y}}}").vector_stores
    said = read(head + "backends: {b: {type: x}, a: {type: y}}, backend: a}").vector_stores
    assert embedded is not None
    assert first is not None
    assert said is not None
    assert [backend_of(each) for each in (embedded, first, said)] == ["embedded", "b", "a"]
    assert list(backends_of(first)) == ["b", "a"]


def test_a_search_that_would_look_for_nothing_is_a_mistake() -> None:
    search = "vector_stores: {embedding: {model: embed}, search: {embedding_weight: 0, text_weight: 0}}"
    (only,) = refusal(HEAD + STATE + search).mistakes
    assert only.path == "vector_stores.search"
    assert "must be over 0" in only.problem
