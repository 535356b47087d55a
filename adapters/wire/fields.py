"""Which request fields a dialect can express, and what becomes of those that it can't.

Every dialect declares its fields in one table. The table drives its encoder, and docs/compatibility.md is made from it.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from msgspec import Raw, Struct

from adapters.wire.body import Body
from adapters.wire.errors import UnsupportedParameter

How: TypeAlias = Literal["kept", "mapped", "emulated", "unsupported"]


class Support(Struct, frozen=True):
    """How a dialect treats one field.

    `kept`: the service has it under the same name. `mapped`: it has the like under another name or form. `emulated`:
    the adapter brings it about by other means. `unsupported`: left out and reported, or refused, as the operator and
    the client say.
    """

    how: How
    note: str = ""


Fields: TypeAlias = Mapping[str, Support]

KEPT = Support("kept")
MAPPED = Support("mapped")
UNSUPPORTED = Support("unsupported")

_NEUTRAL: dict[str, tuple[bytes, ...]] = {
    "n": (b"1",),
    "best_of": (b"1",),
    "echo": (b"false",),
    "frequency_penalty": (b"0", b"0.0"),
    "logit_bias": (b"{}",),
    "logprobs": (b"false",),
    "metadata": (b"{}",),
    "modalities": (b'["text"]',),
    "parallel_tool_calls": (b"true",),
    "presence_penalty": (b"0", b"0.0"),
    "response_format": (b'{"type":"text"}', b'{"type": "text"}'),
    "service_tier": (b'"auto"',),
    "store": (b"false",),
    "stop": (b"[]",),
    "tools": (b"[]",),
}
"""Values that ask for what happens anyway."""

VENDOR_FIELDS = frozenset({"anthropic", "bedrock", "cohere", "gemini", "ollama", "vertex", "watsonx"})
"""Members for one dialect alone, named after it. All others leave them out, so that a fallback stays legal."""


def says_something(name: str, value: Raw) -> bool:
    """Whether a field asks for anything: a null and OpenAI's own default do not."""
    written = bytes(value)
    return written != b"null" and written not in _NEUTRAL.get(name, ())


class Drops:
    """Gathers what a request asks for and the target can't express.

    `refuse`: the first such field raises UnsupportedParameter instead.
    """

    __slots__ = ("_dropped", "_provider", "_refuse")

    def __init__(self, provider: str, refuse: bool) -> None:
        self._provider = provider
        self._refuse = refuse
        self._dropped: dict[str, str] = {}

    def drop(self, name: str, reason: str = "unsupported") -> None:
        """Note that a field is left out. `reason` is one word: `unsupported` or `unknown`."""
        if self._refuse:
            raise UnsupportedParameter(
                f"Unsupported parameter: '{name}' is not supported by the provider '{self._provider}'.", param=name
            )
        self._dropped[name] = reason

    def drop_foreign(self, name: str) -> None:
        """Note that a member for another dialect is left out; that is no reason to refuse."""
        self._dropped[name] = "other-dialect"

    def shadow(self, name: str) -> None:
        """Note that a field gives way to one that has its new name already; that is no reason to refuse."""
        self._dropped[name] = "shadowed"

    def drop_unexpressed(self, given: Mapping[str, Raw], fields: Fields, own: str, native: Iterable[str] = ()) -> None:
        """Note every field that the table does not let through.

        `own` is the dialect's name, under which its own extras stand; `native` are fields of the service's own that
        may stand at the top level.
        """
        for name, value in given.items():
            if name in fields:
                if fields[name].how == "unsupported" and says_something(name, value):
                    self.drop(name)
            elif name in VENDOR_FIELDS:
                if name != own:
                    self.drop_foreign(name)
            elif name not in native and bytes(value) != b"null":
                self.drop(name, "unknown")

    def without(self, body: Body, names: Iterable[str]) -> Body:
        """The request without the fields that the operator says the provider can't take; those asked for are noted."""
        given = [name for name in names if name in body.fields]
        for name in given:
            if says_something(name, body.fields[name]):
                self.drop(name)
        if not given:
            return body
        return body.without(*given)

    @property
    def dropped(self) -> tuple[str, ...]:
        """`name=reason` for each, in the order in which they were met."""
        return tuple(f"{name}={reason}" for name, reason in self._dropped.items())


def drops_for(body: Body, provider: str, on_unsupported: str) -> Drops:
    """What a client says in `x-isthmus-unsupported` counts more than what the operator wrote."""
    return Drops(provider, (body.on_unsupported or on_unsupported) == "refuse")
