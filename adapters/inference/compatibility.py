"""What becomes of each request field at one provider: its dialect's table, and what its row says on top of it."""

from adapters.inference.contract import Adapter
from adapters.wire.fields import UNSUPPORTED, Fields, Support
from config.schema import Operation, Provider

_TOLD = {
    "sent": Support("emulated", "streams tell usage unasked"),
    "never": Support("emulated", "the gateway counts"),
}
_PACKED = Support("emulated", "numbers are brought into the form")
_FORMS = {
    "json_object": Support("emulated", "a schema goes into the prompt, and the answer is checked"),
    "none": Support("emulated", "the answer is asked for as a tool's arguments, and checked"),
}


def support(settings: Provider, adapter: Adapter, operation: Operation) -> Fields:
    """How a provider with these settings treats each field of an operation; empty where its dialect lacks it."""
    codec = adapter.codecs.get(operation)
    if codec is None or operation not in settings.operations:
        return {}
    return {name: _support(name, field, settings) for name, field in codec.fields.items()}


def _support(name: str, field: Support, settings: Provider) -> Support:
    if name in settings.unsupported:
        return _PACKED if name == "encoding_format" else UNSUPPORTED
    if field.how != "kept":
        return field
    if name in settings.rename:
        return Support("mapped", settings.rename[name])
    if name == "stream_options":
        return _TOLD.get(settings.stream_usage, field)
    if name == "response_format":
        return _FORMS.get(settings.structured_outputs, field)
    return field
