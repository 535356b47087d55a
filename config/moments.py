"""Days and times as an operator writes them."""

from datetime import UTC, datetime


def moment_of(text: str) -> float:
    """Seconds since 1970 of `2027-01-31`, which is the beginning of that day, or `2027-01-31T18:00:00Z`.

    What names no zone is in UTC. Raises ValueError.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
