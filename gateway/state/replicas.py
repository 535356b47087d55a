"""Flights across workers and replicas: one asks the target, the others are told what it is told, through Redis.

`flight:{digest}` is the lease: who leads. It is renewed while the call is under way, and ends soon after its process.
`flight:{digest}:wanted` says that somebody waits; as long as nobody does, nothing is published.
`flight:{digest}:<leader>` is a list of records: all of the answer so far, and its end. Whoever follows reads on from
where it was, so nothing is lost and nothing comes twice; messages only say when to look.
"""

import itertools
import secrets
from typing import Any

from adapters.inference.contract import error_frame
from adapters.messages.errors import error_event
from gateway.call import Call, Reply, Stream
from gateway.state.faults import RedisUnavailable
from gateway.state.following import Following, Gone
from gateway.state.publication import Publication
from gateway.state.redis import Redis
from gateway.state.resp.channels import Subscription

_LEASE_MS = 2_000
_TRIES = 3
"""Leaders that are gone before they said anything; then a call goes alone."""

# KEYS: lease, wanted. ARGV: who asks, milliseconds. Gives who leads.
_JOIN = """
local leader = redis.call('GET', KEYS[1])
if not leader then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return ARGV[1]
end
redis.call('SET', KEYS[2], leader, 'PX', ARGV[2])
return leader
"""
# ARGV: who leads, milliseconds. Gives whether somebody waits, -1 where another leads by now.
_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('GET', KEYS[2]) == ARGV[1] and 1 or 0
"""
# ARGV: who leads. Gives the lease back unless somebody waits, who must be told first; gives whether.
_END = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if redis.call('GET', KEYS[2]) == ARGV[1] then return 1 end
redis.call('DEL', KEYS[1])
return 0
"""
# ARGV: who leads.
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 0
"""


class Replicas:
    """Knows which flights this process leads, and finds those that others do."""

    lease_ms = _LEASE_MS

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._join = redis.script(_JOIN)
        self.renew = redis.script(_RENEW)
        self.end = redis.script(_END)
        self.release = redis.script(_RELEASE)
        self._process = secrets.token_hex(8)
        self._count = itertools.count()
        self._led: dict[str, Publication] = {}
        self._asked: Subscription | None = None

    async def find(self, work: Call, digest: str, *, is_second: bool) -> "Reply | Publication | None":
        """The answer that another is given, the lead of the call, or None where it has to go alone.

        Raises what the other failed with.
        """
        for _ in range(_TRIES):
            found = await self.join(digest, is_second=is_second)
            if not isinstance(found, str):
                return found
            following = Following(self, digest, found)
            try:
                head = await following.begin()
            except Gone:
                is_second = True
                continue
            except RedisUnavailable:
                return None
            work.usage = following.usage
            if not head.is_stream:
                body = await following.chunk()
                following.close()
                return Reply(head.status, head.headers, body)
            # It stands for a response and for its decoder: nobody asks more of them.
            either: Any = following
            frame = error_event if work.operation == "messages" else error_frame
            return Reply(head.status, head.headers, stream=Stream(b"", either, either, frame))
        return None

    async def join(self, digest: str, *, is_second: bool) -> "Publication | str | None":
        """Lead a flight, or learn who does; None where Redis can't say."""
        if self._asked is None:
            self._asked = self.redis.subscribe(self._channel(self._process), self._wanted)
        me = f"{self._process}.{next(self._count)}"
        try:
            leader = await self._join(self.keys(digest), (me, _LEASE_MS))
        except RedisUnavailable:
            return None
        if leader.decode() == me:
            publication = self._led[me] = Publication(self, digest, me, is_second=is_second)
            return publication
        return str(leader.decode())

    async def ask_to_publish(self, leader: str) -> None:
        """Tell a leader that somebody waits. Raises RedisUnavailable."""
        await self.redis.command("PUBLISH", self._channel(leader.partition(".")[0]), leader)

    def keys(self, digest: str) -> tuple[str, str]:
        """The lease, and the sign that somebody waits; in a cluster both are in one place."""
        lease = self.redis.key("flight", f"{{{digest}}}")
        return lease, f"{lease}:wanted"

    def records(self, digest: str, leader: str) -> str:
        """The list of what a leader says, which is also the channel that tells of more."""
        return self.redis.key("flight", f"{{{digest}}}", leader)

    def forget(self, leader: str) -> None:
        """It leads no more."""
        self._led.pop(leader, None)

    def _channel(self, process: str) -> str:
        return self.redis.key("flights", process)

    def _wanted(self, message: bytes | None) -> None:
        if message is not None and (publication := self._led.get(message.decode())) is not None:
            publication.want()
