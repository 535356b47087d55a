"""What an operator can say of local models, and what the process of one is told."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

from adapters.inference.local.weights import PACKAGED
from config.values import Count, Seconds

Kind: TypeAlias = Literal["chat", "embeddings"]
Pooling: TypeAlias = Literal["mean", "cls", "last"]
Slots = Annotated[int, Meta(ge=1, le=256)]


class LocalModel(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model, served by a process of its own."""

    file: str = "packaged"
    """The path of any GGUF file, or `packaged` for the weights that a registry package of this name's model carries."""
    kind: Kind | None = None
    """What it does. A packaged model knows; a GGUF file is `chat` unless this says otherwise."""
    threads: Count | None = None
    """Processor threads that compute; half of the processors where it is left out."""
    spin: bool = False
    """Whether threads wait for each other in a busy loop: twice as fast on an idle machine of one's own, and many
    times slower on a shared one."""
    context: Annotated[int, Meta(ge=256, le=1_048_576)] = 4_096
    """Tokens of one request, prompt and answer together. Memory is reserved for `parallel` times as many."""
    parallel: Slots = 4
    """Requests that are computed at once."""
    queue: Annotated[int, Meta(ge=0, le=65_536)] = 64
    """Requests that may wait for their turn; more are answered 503."""
    pooling: Pooling | None = None
    """For embeddings with a GGUF file: how the vectors of a text's tokens become one, where the file does not say."""
    load: Literal["first_use", "start"] = "first_use"
    """When its process starts."""
    idle_seconds: Seconds | None = None
    """After this long without a request the process ends and gives its memory back; the next request starts it."""
    start_seconds: Seconds = 120
    """How long loading may take."""


class LocalOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The `options` of a provider that speaks the dialect `local`."""

    models: dict[str, LocalModel] = field(default_factory=lambda: {name: LocalModel() for name in PACKAGED})
    """By the name that requests use behind the provider's: `local/smollm2`."""

    def __post_init__(self) -> None:
        for name, model in self.models.items():
            if not _is_file_name(name):
                raise ValueError(f"models: '{name}' may hold letters, digits, '.', '_' and '-' only")
            if model.file == "packaged" and name not in PACKAGED:
                known = ", ".join(PACKAGED)
                raise ValueError(f"models: no package carries '{name}' (only {known}): give it a `file`")


class ProcessSettings(Struct, frozen=True, kw_only=True):
    """What the process of one model is told, as JSON in its only argument."""

    name: str
    kind: Kind
    file: str
    sha256: str | None
    """What the weights must be, where they come out of a package."""
    socket: str
    """Where it listens once it can answer."""
    inner_socket: str
    """Where llama.cpp listens inside it, for it alone; llama.cpp knows a socket by the end of its name, `.sock`."""
    threads: int
    context: int
    parallel: int
    queue: int
    pooling: Pooling | None
    idle_seconds: float | None
    lock: int
    """An open file with a lock, held for as long as it listens: who gets the lock may start another process."""
    parent: int
    """The process whose end is also its own."""


def _is_file_name(name: str) -> bool:
    return name[:1].isalnum() and name.replace(".", "").replace("_", "").replace("-", "").isalnum()
