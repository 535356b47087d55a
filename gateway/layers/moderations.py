"""Answers moderations that a check of this gateway judges, where others are answered by a provider's model."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from adapters.safety.contract import CheckUnavailable, Content
from adapters.wire.errors import BadRequest, GatewayError, Unavailable
from adapters.wire.moderation import contents_of, write_answer
from adapters.wire.usage import Usage
from gateway.call import Call, Handler, Reply
from gateway.safety.checks import Checks
from gateway.safety.running import RunningCheck

_IN_THREAD_AT: Final = 65_536
"""Bytes: a body of this size takes about a millisecond to read."""
_SECONDS: Final = 120.0
_RETRY_SECONDS: Final = 1.0
_NOTHING: Final = Usage()
_LIMITED: Final = 429


class ModerationUnavailable(Unavailable):
    """The check that should judge can't now."""

    code = "moderation_unavailable"


class Moderations:
    """Stands before the router: a call whose route has no targets is for the check of its name."""

    __slots__ = ("_checks", "_handler")

    def __init__(self, handler: Handler, checks: Checks) -> None:
        self._handler = handler
        self._checks = checks

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Answer a call. Raises BadRequest, ModerationUnavailable, and the refusal of a limit that the check met."""
        route = call.route
        if call.operation != "moderations" or route is None or route.targets:
            return self._handler(call)
        check = self._checks.find(route.name)
        assert check is not None  # noqa: S101 - routes of checks are made from them
        return self._judge(call, check)

    async def _judge(self, call: Call, check: RunningCheck) -> Reply:
        long = call.body.size >= _IN_THREAD_AT
        contents = await asyncio.to_thread(contents_of, call.body) if long else contents_of(call.body)
        if any(content.images for content in contents) and not check.sees:
            raise BadRequest(
                f"The check '{check.name}' judges text and can't see images. Leave them out, or name a model that can.",
                param="input",
                code="unsupported_content",
            )
        body = await self._answer(call, check, contents, long=long)
        call.usage = _NOTHING
        call.status = 200
        headers = [
            (b"x-request-id", call.request_id),
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        return Reply(200, headers, body)

    async def _answer(self, call: Call, check: RunningCheck, contents: list[Content], *, long: bool) -> bytes:
        try:
            async with asyncio.timeout(_SECONDS):
                judgements = await check.judge(contents, self._checks.ask_for(call.caller))
        except TimeoutError:
            raise _unavailable(check, f"it took longer than {_SECONDS:g} s") from None
        except CheckUnavailable as fault:
            cause = fault.__cause__
            if isinstance(cause, GatewayError) and cause.status == _LIMITED:
                raise cause from None
            raise _unavailable(check, str(fault)) from None
        if long:
            return await asyncio.to_thread(write_answer, check.name, contents, judgements)
        return write_answer(check.name, contents, judgements)


def _unavailable(check: RunningCheck, why: str) -> ModerationUnavailable:
    return ModerationUnavailable(
        f"The check '{check.name}' can't judge now: {why}. Try again.", retry_after=_RETRY_SECONDS
    )
