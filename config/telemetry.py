"""What the gateway tells of itself, as an operator writes it."""

from typing import Any, Literal

from msgspec import Struct, field

from config.values import Share, shown


class Otlp(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Traces and metrics to an OpenTelemetry collector, by the conventions for generative AI."""

    endpoint: str
    """The collector's base URL for OTLP over HTTP: http://localhost:4318."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every export."""
    service: str = "isthmus"
    """service.name."""
    sample: Share = 1
    """Of the traces that begin here; a caller's own decision is kept."""
    content: bool = False
    """Whether prompts and answers are exported as well."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, ("headers",))

    def __repr__(self) -> str:
        return f"Otlp({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class Telemetry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Metrics, traces and logs."""

    metrics: bool = True
    """Serve Prometheus' format at /metrics."""
    metrics_key: str | None = None
    """What /metrics asks for as a bearer token, where the gateway is not on this machine only."""
    log: Literal["text", "json"] = "text"
    """The form of log lines."""
    otlp: Otlp | None = None
    """Export to a collector."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, ("metrics_key",))

    def __repr__(self) -> str:
        return f"Telemetry({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"
