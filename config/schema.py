"""What an operator can say in `isthmus.yaml`, as frozen types.

Every field has its default and its unit here; unknown keys are refused. The loader fills the shipped rows in and
explains mistakes; this file only says what exists. The JSON Schema of the file is made from it.
"""

from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct, field

from config.access import Admin, Issuer, Key
from config.caching import CacheStore
from config.facts import Facts
from config.file_storage import FileStorage
from config.limits import CallLimits
from config.routing import Model
from config.safety import Safety
from config.state import State
from config.telemetry import Telemetry
from config.values import Bytes, Count, File, Name, Seconds, shown
from config.vector_stores import VectorStores

Operation = Literal["chat", "completions", "embeddings", "rerank", "messages", "count_tokens", "moderations"]
Quirk = Literal[
    "reasoning",
    "content",
    "think_tags",
    "hollow",
    "tool_calls",
    "finish_reason",
    "envelope",
    "usage",
    "carry_reasoning",
    "short_ids",
    "no_developer",
    "document_parts",
]
"""What else a provider of OpenAI's dialect does differently; docs/providers/any-openai-compatible.md says what is done
about each."""


class Timeouts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long an upstream may take, in seconds."""

    connect: Seconds = 5
    """Name look-up, TCP and TLS together."""
    first_byte: Seconds = 300
    """From the request's last byte to the answer's first: a long prompt or a long unary answer takes this long."""
    between_chunks: Seconds = 120
    """Silence inside an answer that has begun."""
    total: Seconds = 1_800
    """The whole exchange, queueing included."""


class Limits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one gateway accepts, all workers together unless said otherwise."""

    header_bytes: Bytes = 32_768
    """Request line and headers of one request; more is a 431."""
    body_bytes: Bytes = 33_554_432
    """Body of one request; more is a 413."""
    held_bytes: Bytes = 1_073_741_824
    """Bodies of all requests in progress in one worker; more are answered 503 with Retry-After."""
    body_seconds: Seconds = 60
    """A request has this long to arrive whole; a slower sender gets a 408."""
    idle_seconds: Seconds = 75
    """A connection without a request is closed after this long."""
    connections: Count = 16_384
    """Open client connections of each worker; more are answered 503 and closed."""
    concurrent_requests: Count = 4_096
    """Inference requests in progress; more are answered 503 with Retry-After."""
    answer_bytes: Bytes = 134_217_728
    """A unary answer of an upstream; more is a 502."""
    stream_buffer_bytes: Bytes = 262_144
    """What is held for one slow reader before the upstream is no longer read."""


class ServerTls(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The certificate the gateway shows to its clients; without it, it speaks plain HTTP."""

    cert_file: File
    """The certificate and what leads to its authority, in PEM."""
    key_file: File
    """Its private key in PEM, not encrypted."""


class Server(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where and how the gateway listens."""

    host: str = "127.0.0.1"
    """An address or name of this machine; one that others reach needs `keys`."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8000
    """0 takes any free port and prints it."""
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    """Processes that share the port."""
    drain_seconds: Seconds = 30
    """After SIGTERM, running requests have this long to finish."""
    request_log: bool = False
    """One JSON line on standard error for every request: never a prompt, never a key."""
    limits: Limits = field(default_factory=Limits)
    """What the gateway accepts."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    """What every provider gets; one that says some of its own gets the rest from here."""
    tls: ServerTls | None = None
    """Serve HTTPS with this certificate."""
    trusted_proxies: list[str] = field(default_factory=list)
    """Networks of proxies that are believed what `x-forwarded-for` says; it counts for the `addresses` of keys."""


class Tls(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a provider's certificate is judged and which one it is shown."""

    ca_file: File | None = None
    """Authorities to trust instead of the system's."""
    cert_file: File | None = None
    """The client certificate."""
    key_file: File | None = None
    """Its private key, where it is not in `cert_file`."""
    server_name: str | None = None
    """The name in the certificate, where it is not the host of `base_url`."""


class EmbeddingsLimits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a provider takes in one embeddings request."""

    max_inputs: Count | None = None
    """Inputs of one request; more are sent in several requests and answered as one."""
    token_input: bool = True
    """Whether `input` may hold token ids instead of text."""


class Provider(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A service or inline implementation. A name that is also a shipped row starts from that row."""

    extends: str | None = None
    """The shipped row to start from, where the name is another."""
    dialect: str = "openai"
    """The wire format it speaks."""
    base_url: str | None = None
    """What stands before `/chat/completions`: http, https, or the path of a socket as unix:///run/model.sock."""
    api_key: str | None = None
    """The secret it knows us by; usually a variable."""
    auth: str = "bearer"
    """`bearer`, `none`, or `header:<name>`: how the key travels."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every request."""
    forward_headers: list[str] = field(default_factory=list)
    """Headers of the client that go on to the provider, in lower case."""
    operations: list[Operation] = field(default_factory=lambda: list(get_args(Operation)))
    """What it offers of that which its dialect speaks."""
    rename: dict[str, str] = field(default_factory=dict)
    """Parameters that the provider knows under another name: `{max_completion_tokens: max_tokens}`."""
    unsupported: list[str] = field(default_factory=list)
    """Parameters that the provider refuses or ignores: dropped and reported, or refused."""
    on_unsupported: Literal["report", "refuse"] = "report"
    """`report`: leave such a parameter out and name it in `x-isthmus-dropped`; `refuse`: answer 400 and name it."""
    quirks: list[Quirk] = field(default_factory=list)
    """What else differs in requests and answers of the dialects `openai` and `azure`, and is put right: answers of a
    provider without quirks pass byte for byte."""
    past_reasoning: Literal["keep", "reasoning", "thinking_parts", "leave_out"] = "keep"
    """What becomes of the reasoning in earlier messages: it stays as the client sent it, goes out under the name
    `reasoning`, in Mistral's `thinking` parts, or not at all."""
    structured_outputs: Literal["native", "json_object", "none"] = "native"
    """What it knows of `response_format`: with `json_object` a schema goes into the prompt, with `none` the answer is
    asked for as the arguments of a tool; both are checked against the schema."""
    stream_usage: Literal["ask", "sent", "never"] = "ask"
    """`ask`: streams tell usage when `stream_options.include_usage` asks; `sent`: they tell it unasked and refuse the
    parameter; `never`: they do not tell it, and the gateway counts."""
    prefill: Literal["plain", "prefix", "continue_final_message"] = "plain"
    """How it is told to go on with the last message, an answer's beginning: by that alone, by `prefix: true` in the
    message, or by `continue_final_message: true` and `add_generation_prompt: false` beside the messages."""
    embeddings: EmbeddingsLimits = field(default_factory=EmbeddingsLimits)
    """What it takes in one embeddings request."""
    timeouts: Timeouts | None = None
    """Its own, where they differ from `server.timeouts`."""
    connections: Count = 512
    """Open connections to this provider, from each worker; further requests wait."""
    queue: Annotated[int, Meta(ge=0, le=1_000_000)] = 1_024
    """Requests that may wait for a connection; more are answered 503."""
    tls: Tls = field(default_factory=Tls)
    """How its certificate is judged and which one it is shown."""
    proxy: str | None = None
    """An HTTP proxy for this provider. Without it HTTPS_PROXY, HTTP_PROXY and NO_PROXY count."""
    options: dict[str, Any] = field(default_factory=dict)
    """What only this dialect knows; checked against the dialect's own type."""
    docs: str | None = None
    """Where the facts of a shipped row were read."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return shown(self, ("api_key", "headers", "proxy", "options"))

    def __repr__(self) -> str:
        return f"Provider({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of `isthmus.yaml`."""

    server: Server = field(default_factory=Server)
    """Where and how the gateway listens."""
    keys: list[Key] = field(default_factory=list)
    """Who may use it. Without any it is open, and listens to this machine only."""
    issuers: list[Issuer] = field(default_factory=list)
    """Who else may: callers with tokens of these issuers."""
    admin: Admin | None = None
    """The admin API."""
    limits: CallLimits = field(default_factory=CallLimits)
    """What callers may use."""
    providers: dict[Name, Provider] = field(default_factory=dict)
    """Who answers, by the name that routes and logs use."""
    models: dict[str, Model] = field(default_factory=dict)
    """Without any, `provider/model` reaches every model of every provider; with some, only these names are served."""
    facts: dict[str, Facts] = field(default_factory=dict)
    """What is known of models, by `provider/model`, over what is shipped: prices, context, abilities."""
    cache: CacheStore = field(default_factory=CacheStore)
    """Where answers are kept that routes cache."""
    files: FileStorage | None = None
    """Files and uploads."""
    vector_stores: VectorStores | None = None
    """Vector stores: files that are searched by meaning and by words."""
    safety: Safety = field(default_factory=Safety)
    """Moderations, and the checks of guardrails."""
    state: State = field(default_factory=State)
    """Redis, and the database of keys and usage."""
    telemetry: Telemetry = field(default_factory=Telemetry)
    """Metrics, traces and logs."""
