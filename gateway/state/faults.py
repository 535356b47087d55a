"""What can be wrong with what the gateway keeps its state in, for rooms that go on without it."""


class RedisUnavailable(Exception):
    """Redis did not answer in time, is down, or refused: go on without it."""
