import pytest

from tests.config.loading import mistake, mistakes, read


@pytest.mark.parametrize("text", ["", "   \n", "# a comment\n", "---\n...\n"])
def test_an_empty_file_is_told_the_smallest(text: str) -> None:
    only = mistake(text)
    assert (only.line, only.problem) == (1, "the file is empty")
    assert "providers: {openai: {}}" in (only.allowed or "")


@pytest.mark.parametrize(("text", "found"), [("- 1\n", "a list"), ("8000", "a single value")])
def test_the_top_is_a_mapping(text: str, found: str) -> None:
    assert mistake(text).found == found


def test_tabs_are_explained() -> None:
    only = mistake("providers:\n\tlocal: {}\n")
    assert (only.line, only.column) == (2, 1)
    assert "Indent with spaces" in only.problem


def test_a_syntax_error_names_where_it_began_and_where_it_was_seen() -> None:
    only = mistake("providers: {openai: {api_key: x}\nserver: {}\n")
    assert only.line == 2
    assert "that begins on line 1" in only.problem


def test_a_variable_without_quotes_in_braces_is_explained() -> None:
    assert '"${NAME}"' in mistake("server: {port: ${PORT:-80}}").problem


def test_an_alias_without_an_anchor_is_explained() -> None:
    assert "needs an anchor" in mistake("providers: *row").problem


def test_a_second_document_is_refused() -> None:
    assert "second document" in mistake("providers: {local: {}}\n---\nserver: {}\n").problem


def test_a_name_that_stands_twice_is_refused_with_both_lines() -> None:
    only = mistake("providers:\n  local: {}\n  ollama: {}\n  local: {}\n")
    assert (only.path, only.line) == ("providers.local", 4)
    assert only.problem == "this name stands twice, first on line 2"


def test_names_that_are_no_text_are_refused() -> None:
    assert mistake("providers: {local: {}, ? [a] : {}}").path == 'providers["?"]'


def test_names_are_text_whatever_yaml_takes_them_for() -> None:
    model = "{deployments: [{provider: local, model: m}]}"
    text = f"{{providers: {{local: {{}}}}, models: {{4: {model}, no: {model}}}}}"
    assert list(read(text).models) == ["4", "no"]


def test_tags_are_refused_and_never_constructed() -> None:
    only = mistake("providers: {local: {docs: !!python/object/apply:os.getcwd []}}")
    assert (only.path, only.found) == ("providers.local.docs", '"!!python/object/apply:os.getcwd"')


def test_anchors_are_written_out() -> None:
    text = "providers: {ollama: &o {timeouts: {connect: 1}}, vllm: *o}"
    timeouts = read(text).providers["vllm"].timeouts
    assert timeouts is not None
    assert timeouts.connect == 1


def test_a_merge_key_lies_under_what_is_written() -> None:
    text = (
        "providers: {ollama: &o {queue: 1, connections: 2}, vllm: {<<: *o, queue: 3}, lmstudio: {<<: [*o, {queue: 9}]}}"
    )
    providers = read(text).providers
    assert (providers["vllm"].queue, providers["vllm"].connections) == (3, 2)
    assert providers["lmstudio"].queue == 1


def test_only_a_mapping_can_be_merged_in() -> None:
    assert mistake("providers: {local: {<<: 1}}").problem == "only a mapping can be merged in"


def test_an_alias_inside_its_own_value_is_refused() -> None:
    assert mistake("providers: {local: {headers: &h {x: *h}}}").path == "providers.local.headers.x"


def test_aliases_that_multiply_are_bounded() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "aliases written out" in mistakes("\n".join(lines))[-1].problem


def test_depth_is_bounded() -> None:
    assert "levels deep" in mistake("[" * 100_000).problem


def test_the_number_of_values_is_bounded() -> None:
    assert "values long" in mistake("[" + "1," * 200_000 + "]").problem


def test_the_length_of_a_text_is_bounded() -> None:
    assert "too large" in mistake("#" * 2_000_000).problem


def test_a_file_that_is_one_tagged_value_is_refused() -> None:
    assert mistake("!!set {a}").problem == "tags are not taken"


def test_control_characters_are_refused_with_their_place() -> None:
    only = mistake("providers:\n  local: {docs: a\x00b}\n")
    assert (only.line, only.column) == (2, 18)
    assert "U+0000" in only.problem


def test_a_lone_surrogate_is_refused() -> None:
    assert "U+D800" in mistake("providers: {local: {docs: \ud800}}").problem
