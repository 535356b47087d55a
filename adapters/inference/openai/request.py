"""Requests in OpenAI's format for a provider that speaks it: the fields that must change, the rest byte for byte."""

import msgspec
from msgspec import Raw

from adapters.inference.contract import Encoded, Target
from adapters.wire.body import Body, decode_field
from adapters.wire.errors import BadRequest, UnsupportedParameter

_encode = msgspec.json.Encoder().encode
_members = msgspec.json.Decoder(dict[str, Raw] | None)
_inputs = msgspec.json.Decoder(str | list[Raw])

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


def encode_embeddings(body: Body, target: Target) -> Encoded:
    """An embeddings request as the target takes it.

    Raises UnsupportedParameter as above, and BadRequest for token ids where the provider takes only text.
    """
    if not target.settings.embeddings.token_input:
        _refuse_token_ids(body)
    fields, dropped = adapt(body, target)
    return Encoded(_encode(fields), dropped)


def adapt(body: Body, target: Target) -> tuple[dict[str, Raw], tuple[str, ...]]:
    """A copy of the fields with the target's model and the provider's names, and the parameters that were dropped."""
    settings = target.settings
    fields = body.fields.copy()
    fields["model"] = target.model_json
    if not settings.unsupported and not settings.rename:
        return fields, ()
    dropped = drop_unsupported(fields, body, target)
    fields, shadowed = renamed(fields, settings.rename)
    return fields, (*dropped, *shadowed)


def drop_unsupported(fields: dict[str, Raw], body: Body, target: Target) -> list[str]:
    """Take out what the provider can't take; give the names of those that said something, a null says nothing.

    Raises UnsupportedParameter where the provider's settings say to refuse.
    """
    dropped = []
    for name in target.settings.unsupported:
        value = fields.pop(name, None)
        if value is None or bytes(value) == b"null":
            continue
        if (body.on_unsupported or target.settings.on_unsupported) == "refuse":
            raise UnsupportedParameter(
                f"Unsupported parameter: '{name}' is not supported by the provider '{target.provider}'.", param=name
            )
        dropped.append(f"{name}=unsupported")
    return dropped


def renamed(fields: dict[str, Raw], names: dict[str, str]) -> tuple[dict[str, Raw], list[str]]:
    """The fields in their order under the provider's names, and those that gave way to a field already named right."""
    if names.keys().isdisjoint(fields):
        return fields, []
    dropped = []
    result = {}
    for name, value in fields.items():
        new = names.get(name, name)
        if new != name and new in fields:
            dropped.append(f"{name}=shadowed")
        else:
            result[new] = value
    return result, dropped


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


def _refuse_token_ids(body: Body) -> None:
    inputs = decode_field(body.fields, "input", _inputs)
    first = bytes(inputs[0])[:1] if isinstance(inputs, list) and inputs else b""
    if first == b"[" or first.isdigit():
        raise BadRequest(
            "This provider takes text only: 'input' must be a string or an array of strings, not of token ids.",
            param="input",
            code="unsupported_value",
        )
