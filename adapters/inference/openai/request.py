"""Requests in OpenAI's format for a provider that speaks it: the fields that must change, the rest byte for byte."""

import msgspec
from msgspec import Raw

from adapters.inference.contract import Encoded, Target
from adapters.inference.openai.messages import adapt_messages
from adapters.inference.openai.structured_outputs import emulate, way_of
from adapters.wire.body import Body, decode_field
from adapters.wire.fields import VENDOR_FIELDS, Drops, drops_for

_encode = msgspec.json.Encoder().encode
_members = msgspec.json.Decoder(dict[str, Raw] | None)

_TRUE = Raw(b"true")
_ASK_USAGE = Raw(b'{"include_usage":true}')


def encode(body: Body, target: Target) -> Encoded:
    """A chat or completions request as the target takes it.

    Raises UnsupportedParameter where the provider's settings say to refuse.
    """
    fields, dropped = adapt(body, target)
    if body.stream:
        if target.settings.stream_usage != "ask":
            withdraw_usage(fields)
        elif not body.wants_usage:
            ask_usage(fields)
    return Encoded(_encode(fields), dropped)


def adapt(body: Body, target: Target) -> tuple[dict[str, Raw], tuple[str, ...]]:
    """A copy of the fields with the target's model and the provider's names, and the parameters that were dropped."""
    settings = target.settings
    fields = body.fields.copy()
    fields["model"] = target.model_json
    plain = not (settings.unsupported or settings.rename or target.deviates or body.carries)
    if plain and VENDOR_FIELDS.isdisjoint(fields):
        return fields, ()
    drops = drops_for(body, target.provider, settings.on_unsupported)
    _leave_out(fields, settings.unsupported, drops)
    fields = _renamed(fields, settings.rename, drops)
    if "messages" in fields:
        adapt_messages(fields, settings, body.carries, drops)
        if way := way_of(body, settings):
            emulate(fields, body, way)
    return fields, drops.dropped


def _leave_out(fields: dict[str, Raw], unsupported: list[str], drops: Drops) -> None:
    """Take out what the provider can't take, and what is for other dialects; a null says nothing."""
    for name in unsupported:
        if bytes(fields.pop(name, b"null")) != b"null":
            drops.drop(name)
    for name in [name for name in fields if name in VENDOR_FIELDS]:
        del fields[name]
        drops.drop_foreign(name)


def _renamed(fields: dict[str, Raw], names: dict[str, str], drops: Drops) -> dict[str, Raw]:
    """The fields in their order under the provider's names; one gives way to a field that is already named right."""
    if names.keys().isdisjoint(fields):
        return fields
    result = {}
    for name, value in fields.items():
        new = names.get(name, name)
        if new != name and new in fields:
            drops.shadow(name)
        else:
            result[new] = value
    return result


def ask_usage(fields: dict[str, Raw]) -> None:
    """Set `stream_options.include_usage`; its other members stay as they are."""
    options = _stream_options(fields)
    if options:
        options["include_usage"] = _TRUE
        fields["stream_options"] = Raw(_encode(options))
    else:
        fields["stream_options"] = _ASK_USAGE


def withdraw_usage(fields: dict[str, Raw]) -> None:
    """Take `stream_options.include_usage` out, and `stream_options` where nothing else is in it."""
    options = _stream_options(fields)
    if options.pop("include_usage", None) is not None and options:
        fields["stream_options"] = Raw(_encode(options))
    elif not options:
        fields.pop("stream_options", None)


def _stream_options(fields: dict[str, Raw]) -> dict[str, Raw]:
    return decode_field(fields, "stream_options", _members) or {}
