import pytest

from tests.config.loading import mistake, read


def docs(value: str, environ: dict[str, str]) -> str | None:
    return read(f"providers: {{local: {{docs: '{value}'}}}}", environ).providers["local"].docs


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${A}", "one"),
        ("${A}/${B:-two}", "one/two"),
        ("${EMPTY:-two}", "two"),
        ("${A:-two}", "one"),
        ("${B:-a:-b}", "a:-b"),
        ("$${A}", "${A}"),
        ("$A costs $5", "$A costs $5"),
        ("$$${A}", "$${A}"),
    ],
)
def test_variables_are_put_in(value: str, expected: str) -> None:
    assert docs(value, {"A": "one", "EMPTY": ""}) == expected


def test_what_comes_in_is_not_read_again() -> None:
    assert docs("${A}", {"A": "${B}"}) == "${B}"


def test_an_empty_variable_is_nothing_where_nothing_may_stand() -> None:
    assert docs("${A}", {"A": ""}) is None


@pytest.mark.parametrize("port", ["${PORT}", "'${PORT}'", '"${PORT:-1}"', "${UNSET:-8080}"])
def test_numbers_may_come_from_variables(port: str) -> None:
    text = f"server:\n  port: {port}\nproviders: {{local: {{}}}}"
    assert read(text, {"PORT": "8080"}).server.port == 8080


def test_booleans_may_come_from_variables() -> None:
    assert read("{server: {request_log: '${LOG}'}, providers: {local: {}}}", {"LOG": "true"}).server.request_log is True


def test_a_number_from_a_variable_is_text_where_text_stands() -> None:
    assert docs("${A}", {"A": "8000"}) == "8000"


def test_a_variable_that_is_not_set_is_named_with_its_line() -> None:
    only = mistake("providers:\n  lab:\n    base_url: http://h\n    api_key: ${LAB_KEY}\n")
    assert (only.path, only.line, only.column) == ("providers.lab.api_key", 4, 14)
    assert only.problem == "the environment variable LAB_KEY is not set"


def test_a_shipped_rows_missing_variable_is_named_at_the_provider() -> None:
    only = mistake("providers:\n  openai: {}\n")
    assert (only.path, only.line) == ("providers.openai.api_key", 2)
    assert only.problem == "the environment variable OPENAI_API_KEY is not set"


def test_a_variable_spelled_nearly_like_one_that_is_set_is_found() -> None:
    assert mistake("providers: {openai: {}}", {"OPENAI_APIKEY": "k"}).nearest == "OPENAI_APIKEY"


@pytest.mark.parametrize("value", ["${}", "${A", "${A-b}", "${A:?b}", "${A:-${B}}", "${ A }", "${1A}"])
def test_other_spellings_are_refused(value: str) -> None:
    assert (
        mistake(f"providers: {{local: {{docs: '{value}'}}}}", {"A": "a"}).problem
        == "this is not how a variable is written"
    )


@pytest.mark.parametrize("value", ["a\nb", "key\n", "\udcff"])
def test_a_variable_with_line_breaks_or_without_utf_8_is_refused(value: str) -> None:
    assert "holds control characters" in mistake("providers: {local: {docs: '${A}'}}", {"A": value}).problem


def test_the_value_of_a_variable_is_not_shown() -> None:
    only = mistake("{server: {port: '${PORT}'}, providers: {local: {}}}", {"PORT": "secret"})
    assert only.found == "the value of ${PORT}"
