"""The one page the author of an inference adapter reads.

A dialect is a value made of pure functions: bytes in, bytes out, no network, no clock, no event loop. The gateway
sends, waits, retries, counts and cancels. OpenAI's format is the hub: `encode` turns an OpenAI request into the
provider's, `decode` and the stream decoder turn the provider's answer into OpenAI's.

An inline dialect also has an `engine`, which runs what serves it and tells where that listens.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from msgspec import Raw, Struct
from msgspec.structs import force_setattr

from adapters.wire.body import Body
from adapters.wire.errors import GatewayError
from adapters.wire.fields import Fields
from adapters.wire.usage import Usage
from config.schema import Operation, Provider

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Name in lower case and value, as on the wire."""

ANSWERS_VERSION = 1
"""Raise it when an adapter answers the same request differently than before: what caches hold no longer counts."""

NO_FIELDS: Fields = {}


def error_frame(error: GatewayError) -> bytes:
    """An error inside a stream, as OpenAI writes it."""
    return b"data: " + error.body() + b"\n\n"


class Target(Struct, frozen=True):
    """One model at one provider, resolved once when the configuration is loaded."""

    provider: str
    """The provider's name in the configuration."""
    model: str
    """The model as the provider calls it."""
    model_json: Raw
    """The same, encoded."""
    settings: Provider
    options: Any
    """`settings.options` as the dialect's own type."""
    deviates: bool = False
    """Whether requests or answers differ from OpenAI's in more than the names of parameters. It follows from the
    settings, and is asked for every call."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """What every answer of it says of where it came from; it follows from the rest too."""

    def __post_init__(self) -> None:
        """Work out once what follows from the rest."""
        settings = self.settings
        deviates = settings.quirks or settings.structured_outputs != "native" or settings.past_reasoning != "keep"
        force_setattr(self, "deviates", bool(deviates))
        told = ((b"x-isthmus-provider", self.provider.encode()), (b"x-isthmus-model", self.model.encode()))
        force_setattr(self, "headers", told)


class Encoded(Struct, frozen=True):
    """A request for the provider, and the parameters that could not go along."""

    body: bytes
    dropped: tuple[str, ...] = ()
    """`name=reason` for each: `seed=unsupported`."""
    headers: Headers = ()
    """Of this request alone, after those that `sign` gives."""


class Answer(Struct, frozen=True):
    """A provider's unary answer in OpenAI's format, and what it says of usage."""

    body: bytes
    usage: Usage | None = None
    with_usage: Callable[[Usage], bytes] | None = None
    """The same body with usage that the gateway counted, for formats that demand it where the provider is silent."""


class StreamDecoder(Protocol):
    """Turns one provider's stream into OpenAI's, as the bytes come in."""

    @property
    def usage(self) -> Usage | None:
        """What the stream has told so far."""
        ...

    @property
    def error(self) -> GatewayError | None:
        """Set when the provider reports an error inside its stream; what follows is not read."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Take bytes cut anywhere; give whole OpenAI frames, or nothing yet."""
        ...

    @property
    def owes_usage(self) -> bool:
        """Whether the client asked for usage and the provider has not told it: the gateway counts it."""
        ...

    def close(self, counted: Usage | None = None) -> bytes:
        """The upstream ended: give what is still owed, `[DONE]` included; `counted` is the usage it did not tell."""
        ...


def inputs_of_the_row(target: Target) -> int | None:
    """How many inputs the configuration says that one embeddings request takes."""
    return target.settings.embeddings.max_inputs


class Codec(Struct, frozen=True):
    """One operation in one dialect."""

    url: Callable[[Target, Body], str]
    """The absolute URL of the request."""
    encode: Callable[[Body, Target], Encoded]
    """Raises UnsupportedParameter or BadRequest, naming the parameter."""
    decode: Callable[[bytes, Target, Body], Answer]
    """Raises UpstreamError on an answer that is none."""
    stream: Callable[[Target, Body], StreamDecoder]
    """A fresh decoder for one answer."""
    media_type: bytes = b"text/event-stream"
    """What a streamed answer of the provider is."""
    most_inputs: Callable[[Target], int | None] = inputs_of_the_row
    """How many inputs one embeddings request takes, None where nobody knows of a bound: the gateway sends as many
    requests as it needs."""
    serves: Callable[[Target], bool] | None = None
    """Whether the service has the operation for a model, None where it has it for all."""
    stream_error: Callable[[GatewayError], bytes] = error_frame
    """What tells the client of a fault that comes after a stream's first bytes."""
    fields: Fields = NO_FIELDS
    """How each request field is treated; a field that is not named goes on as it is where the provider takes OpenAI's
    format, and is left out and reported where it does not."""


class TokenGrant(Struct, frozen=True):
    """How to get an access token that expires: a form to post, answered by `access_token` and `expires_in`.

    https://datatracker.ietf.org/doc/html/rfc6749#section-4.4
    """

    url: str
    form: dict[str, str]


class Lease(Struct, frozen=True):
    """A secret, and for how many seconds it is good."""

    secret: str
    seconds: float


Lend: TypeAlias = Callable[[], Lease]
"""Fetches a secret the way that a vendor's own library does; blocks, so the gateway calls it in a thread.

Raises UpstreamError, never with a secret in its message.
"""


class Engine(Protocol):
    """What runs an inline dialect's models: processes of its own, supervised."""

    async def ready(self, model: str) -> str:
        """Wait until the model can answer; give the base URL (`unix:///path/of.sock`) it listens at.

        Raises Overloaded while it can't, BadRequest for a model it does not have.
        """
        ...

    async def start(self) -> None:
        """Load what its options want loaded before the first request. Raises what `ready` raises."""
        ...

    async def stop(self) -> None:
        """End every process it started, those that others still use once they have answered."""
        ...


class NoOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a dialect that has none."""


class Adapter(Struct, frozen=True):
    """One dialect: a declaration, not a base class."""

    name: str
    codecs: Mapping[Operation, Codec]
    """An operation that is absent is not spoken."""
    sign: Callable[[Target, str, bytes, str | None], Headers]
    """Target, URL, body and the secret of the moment to headers."""
    explain: Callable[[int, Headers, bytes], GatewayError]
    """An answer over 299 to whose fault it is, whether to retry and when. Reads structure, never prose."""
    options: type[Struct] = NoOptions
    """What `options` of a provider with this dialect may hold."""
    token: Callable[[Provider, Any], TokenGrant | None] | None = None
    """For dialects whose secret is a token that expires."""
    lend: Callable[[Provider, Any], Lend | None] | None = None
    """For dialects whose secret comes from a vendor's chain of credentials; None where the settings hold it."""
    signs_each: bool = False
    """Whether `sign` depends on the URL or the body; where it does not, the gateway keeps its headers."""
    models_url: Callable[[Provider, Any], str] | None = None
    """Where the provider lists its models in OpenAI's shape (its settings and options to a URL)."""
    models: Callable[[Any], Sequence[str]] | None = None
    """For inline dialects: the names of the models that its options give it."""
    engine: Callable[[str, Any, Path], Engine] | None = None
    """Provider's name, options and a folder for sockets and locks to what runs an inline dialect's models."""
