"""What files need of other sections: the advice for each mistake."""

import pytest

from config.file_storage import FileStorage
from tests.config.loading import read, refusal

HEAD = """
providers: {lab: {base_url: "http://lab/v1"}}
"""


@pytest.mark.parametrize(
    ("text", "path", "allowed", "nearest"),
    [
        ("files: {}", "files", "state.records beside it", None),
        ("state: {records: {}}\nfiles: {providers: [lab, lap]}", "files.providers[1]", "lab", "lab"),
    ],
)
def test_each_mistake_says_what_is_allowed(text: str, path: str, allowed: str, nearest: str | None) -> None:
    (mistake,) = refusal(HEAD + text).mistakes
    assert (mistake.path, mistake.allowed, mistake.nearest) == (path, allowed, nearest)


def test_files_with_a_database_are_fine() -> None:
    assert read(HEAD + "state: {records: {}}\nfiles: {providers: [lab]}").files == FileStorage(providers=["lab"])


def test_what_opens_a_store_is_not_shown() -> None:
    settings = FileStorage(store="s3", options={"secret_access_key": "secret-0123456789"})
    assert "secret-0123456789" not in repr(settings)
