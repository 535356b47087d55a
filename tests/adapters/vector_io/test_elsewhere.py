"""Names of stores and files that live with a provider, and its paths."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vector_io.elsewhere import APIS, read, renamed, written


@given(st.text(max_size=40))
def test_an_id_is_read_as_it_was_written(id: str) -> None:
    assert read(written(id)) == id
    assert set(written(id)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~")


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (
            {"object": "vector_store", "id": "a", "metadata": {"file_id": "m"}},
            {"id": "S:a", "metadata": {"file_id": "m"}},
        ),
        ({"object": "vector_store.deleted", "id": "a"}, {"id": "S:a"}),
        ({"object": "vector_store.file", "id": "f", "vector_store_id": "a"}, {"id": "F:f", "vector_store_id": "S:a"}),
        (
            {"object": "vector_store.files_batch", "id": "b", "vector_store_id": "a"},
            {"id": "b", "vector_store_id": "S:a"},
        ),
        (
            {"object": "list", "data": [{"object": "vector_store.file", "id": "f"}], "first_id": "f", "last_id": "f"},
            {"data": [{"object": "vector_store.file", "id": "F:f"}], "first_id": "F:f", "last_id": "F:f"},
        ),
        (
            {"object": "list", "data": [], "first_id": "", "last_id": None},
            {"data": [], "first_id": "", "last_id": None},
        ),
        (
            {"object": "vector_store.search_results.page", "data": [{"file_id": "f", "attributes": {"id": "x"}}]},
            {"data": [{"file_id": "F:f", "attributes": {"id": "x"}}]},
        ),
    ],
)
def test_answers_have_the_gateways_names(told: dict[str, Any], shown: dict[str, Any]) -> None:
    found = renamed(told, lambda store: f"S:{store}", lambda file: f"F:{file}")
    assert found == {"object": told["object"], **shown}


def test_a_path_can_not_leave_the_api() -> None:
    url = APIS["openai"].url("https://far/v1?version=1", "/vs_1/files/a?b#c")
    assert url == "https://far/v1/vector_stores/vs_1/files/a%3Fb%23c?version=1"
