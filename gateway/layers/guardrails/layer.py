"""The layer: requests are judged before a model is asked, or meanwhile, and answers before they are given.

It stands outside of the cache: what was answered before is judged again, for whoever asks now and by the policy of
now. What is kept is the answer as the model gave it.
"""

import asyncio
from collections.abc import Awaitable, Sequence

from adapters.safety.contract import Ask
from adapters.wire.errors import GatewayError
from config.safety import Guardrail
from config.safety import Guardrails as Settings
from gateway.call import Call, Handler, Reply
from gateway.layers.guardrails.answer import Answer
from gateway.layers.guardrails.judged import judge
from gateway.layers.guardrails.judging import Checks, Guard
from gateway.layers.guardrails.question import Question
from gateway.layers.guardrails.report import Report, refusal
from gateway.layers.guardrails.stream import Count, Output, guarded
from gateway.layers.guardrails.windows import Sizes, windows_of
from gateway.observe.counters import Counters

_LEFT = 499
_IN_THREAD_AT = 262_144
"""Bytes: reading the texts of so long a body takes over a millisecond."""


class Policy:
    """The guardrails of one route, with their checks."""

    __slots__ = ("before", "beside", "output", "settings", "sizes")

    def __init__(self, settings: Settings, checks: Checks) -> None:
        self.settings = settings
        self.before = [_guard(each, checks) for each in settings.input if not each.parallel]
        """Of the input, before the model is asked."""
        self.beside = [_guard(each, checks) for each in settings.input if each.parallel]
        """Of the input, while it answers."""
        self.output = [_guard(each, checks) for each in settings.output]
        changes = any(each.action != "annotate" for each in settings.output)
        self.sizes = Sizes(settings.window, settings.overlap, settings.overlap if changes else 0)


class Guardrails:
    """Stands between the limits and the cache. `count` counts the tokens of a stream that it cuts short."""

    __slots__ = ("_checks", "_count", "_counters", "_handler", "_policies")

    def __init__(self, handler: Handler, checks: Checks, counters: Counters, count: Count) -> None:
        self._handler = handler
        self._checks = checks
        self._counters = counters
        self._count = count
        self._policies: dict[str, Policy] = {}

    def __call__(self, call: Call) -> Awaitable[Reply]:
        """Answer a call. Raises ContentFiltered and GuardrailUnavailable."""
        route = call.route
        settings = route.settings.guardrails if route is not None else None
        if route is None or settings is None or not call.generates or call.cause == "check":
            return self._handler(call)
        policy = self._policies.get(route.name)
        if policy is None:
            policy = self._policies[route.name] = Policy(settings, self._checks)
        return self._guard(call, policy, Report(route.name, self._counters))

    async def _guard(self, call: Call, policy: Policy, report: Report) -> Reply:
        ask = self._checks.ask_for(call.caller)
        try:
            question = await _read(call, policy)
            await _let_pass(policy.before, question, ask, report)
            call.body = question.asked()
            if call.body.stream and policy.output:
                reply = await self._stream(call, policy, question, ask, report)
            else:
                reply = await self._answered(call, policy, question, ask, report)
                if policy.output:
                    reply = await _judge_answer(call, reply, policy.output, question, ask, report)
        except GatewayError as error:
            error.headers = (*error.headers, *report.headers("input", "output"))
            raise
        reply.headers += report.headers("input", "output")
        return reply

    async def _stream(self, call: Call, policy: Policy, question: Question, ask: Ask, report: Report) -> Reply:
        """What the model says goes into a call of its own: the cache keeps that, and the client's has what it hears."""
        work = call.twin()
        work.attempts = call.attempts
        try:
            reply = await self._answered(work, policy, question, ask, report)
        except BaseException:
            work.close()
            raise
        finally:
            call.attempts, call.target, call.cache = work.attempts, work.target, work.cache
        windows = windows_of(call, policy.sizes, question.text, report.comment)
        output = Output(policy.output, policy.settings.delay_ms / 1_000, ask, report, self._count)
        return guarded(call, work, reply, windows, output)

    async def _answered(self, call: Call, policy: Policy, question: Question, ask: Ask, report: Report) -> Reply:
        """Have the model answer, while what may be judged meanwhile is."""
        if not policy.beside:
            return await self._handler(call)
        answering = asyncio.ensure_future(self._handler(call))
        try:
            await _let_pass(policy.beside, question, ask, report)
            return await answering
        except BaseException as fault:
            await _give_up(answering)
            if isinstance(fault, GatewayError):
                await self._account(call)
            raise

    async def _account(self, call: Call) -> None:
        """A model that was asked for nothing has read the prompt."""
        for attempt in call.attempts:
            if attempt.usage is None and attempt.status == _LEFT:
                attempt.usage = await self._count(call)


async def _give_up(answering: "asyncio.Future[Reply]") -> None:
    """End a call that nobody will hear; what it used is known afterwards."""
    answering.cancel()
    await asyncio.wait((answering,))
    if not answering.cancelled() and answering.exception() is None and (stream := answering.result().stream):
        stream.end(asyncio.get_running_loop().time(), cancelled=True)


def _guard(settings: Guardrail, checks: Checks) -> Guard:
    return Guard(settings, checks.find(settings.check))


async def _read(call: Call, policy: Policy) -> Question:
    scope = policy.settings.messages
    if call.body.size < _IN_THREAD_AT:
        return Question(call.operation, call.body, scope)
    return await asyncio.to_thread(Question, call.operation, call.body, scope)


async def _let_pass(guards: Sequence[Guard], question: Question, ask: Ask, report: Report) -> None:
    """Raises ContentFiltered where one of them does not."""
    for found in (await judge(guards, "input", [question.judged], ask, report)).values():
        raise refusal(question.param, found)


async def _judge_answer(
    call: Call, reply: Reply, guards: Sequence[Guard], question: Question, ask: Ask, report: Report
) -> Reply:
    """The reply without what may not be said. The one that came is kept as it is: the cache has it too."""
    reads_in_thread = len(reply.body) >= _IN_THREAD_AT
    arguments = (call.operation, reply.body, question.text)
    answer = await asyncio.to_thread(Answer, *arguments) if reads_in_thread else Answer(*arguments)
    body = answer.said(await judge(guards, "output", answer.choices, ask, report))
    if body == reply.body:
        return reply
    for attempt in call.attempts:
        if attempt.answer == reply.body:
            attempt.answer = body  # what is told of it elsewhere is what was let pass
    headers = [header for header in reply.headers if header[0] != b"content-length"]
    return Reply(reply.status, [*headers, (b"content-length", b"%d" % len(body))], body)
