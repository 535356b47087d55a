"""`isthmus models`."""

from pathlib import Path

from tests.gateway.commands.conftest import Isthmus


def test_without_a_file_the_local_models_are_listed(isthmus: Isthmus) -> None:
    done = isthmus("models")
    assert done.returncode == 0
    assert "local/smollm2\truns here\n" in done.stdout


def test_a_file_in_the_folder_is_taken(isthmus: Isthmus, tmp_path: Path) -> None:
    (tmp_path / "isthmus.yaml").write_text('providers: {lab: {base_url: "http://lab/v1"}}\n')
    assert isthmus("models").stdout == "lab/…\tany model of http://lab/v1\n"


def test_configured_names_are_listed_with_what_answers_them(isthmus: Isthmus, tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(
        'providers: {lab: {base_url: "http://lab/v1"}}\nmodels: {m: {deployments: [{provider: lab, model: x}]}}\n'
    )
    assert isthmus("models", "--config", str(path)).stdout == "m\tx at lab\n"


def test_a_wrong_file_is_an_error(isthmus: Isthmus, tmp_path: Path) -> None:
    (tmp_path / "isthmus.yaml").write_text("providers: 5\n")
    done = isthmus("models")
    assert (done.returncode, done.stdout) == (2, "")
    assert "providers" in done.stderr
