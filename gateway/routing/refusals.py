"""What a fault means for whom to ask next, told by its kind, status and code: never by its prose."""

from adapters.wire.errors import BadRequest, GatewayError, Overloaded, ProviderUnusable, UpstreamError
from config.routing import Refusal
from gateway import sent
from gateway.call import Reply

_BY_CODE: dict[str, Refusal] = {
    "context_length_exceeded": "context_length",
    "request_too_large": "context_length",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "moderation_blocked": "content_filter",
    "ResponsibleAIPolicyViolation": "content_filter",
    "invalid_api_key": "authentication",
    "permission_denied": "authentication",
    "insufficient_quota": "authentication",
    "model_not_found": "not_found",
}
_BY_STATUS: dict[int, Refusal] = {
    401: "authentication",
    402: "authentication",
    403: "authentication",
    404: "not_found",
    410: "not_found",
    413: "context_length",
}
_SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""Codes of a 429 that no wait of seconds cures."""
_FILTERED = frozenset({"content_filter", "refusal"})


def refusal_of(fault: GatewayError) -> Refusal | None:
    """Which refusal of `fallback_on` a provider's error is, if any."""
    if not isinstance(fault, UpstreamError):
        return None
    return _BY_CODE.get(fault.code or "") or _BY_STATUS.get(fault.status)


def may_pass(fault: GatewayError) -> bool:
    """Whether the same target may answer after a moment. A gateway's own lack of room is no reason to press on."""
    return fault.retryable and not isinstance(fault, Overloaded | ProviderUnusable) and fault.code not in _SPENT


def is_local(fault: GatewayError) -> bool:
    """Whether a target was not asked at all, because the request can't be said in its words."""
    return isinstance(fault, BadRequest)


def most_telling(faults: list[GatewayError]) -> GatewayError:
    """The one a client can do most with: the one that ended the search, else what may pass, else a refusal.

    A provider's word counts more than that it was not asked; of the same kind, the last.
    """
    last = faults[-1]
    if not last.retryable and not is_local(last) and refusal_of(last) is None:
        return last
    return max(reversed(faults), key=_weight)


def _weight(fault: GatewayError) -> int:
    return 2 * fault.retryable + isinstance(fault, UpstreamError)


def is_filtered(reply: Reply) -> bool:
    """Whether an answer, or what has come of a stream, has no content because a content filter took it."""
    said = sent.read_body(reply.body) if reply.stream is None else sent.read(reply.stream.first)
    return said.finish in _FILTERED and not said.text and not said.has_calls
