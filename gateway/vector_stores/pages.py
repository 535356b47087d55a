"""Some of a list, before or after one of its items."""

from typing import Generic, TypeVar

from msgspec import Struct

from gateway.state.records.contract import Value

_T = TypeVar("_T")


class Place(Struct, frozen=True):
    """Where an item stands in its list."""

    created: int
    id: str


class Asked(Struct, frozen=True):
    """Which items a client asks for."""

    limit: int = 20
    ascending: bool = False
    after: Place | None = None
    before: Place | None = None

    @property
    def backwards(self) -> bool:
        """Whether the items nearest to `before` are meant, which stand at the end of those that are left."""
        return self.before is not None and self.after is None


class Page(Struct, Generic[_T], frozen=True):
    """Those that were found."""

    items: list[_T]
    has_more: bool


def clause(asked: Asked, id: str, values: list[Value]) -> str:
    """The end of a statement that gives one row more than is asked for; adds what it needs to `values`.

    `id` is the column that parts rows of the same moment. The columns are `created` and this.
    """
    text = ""
    for place, is_further in ((asked.after, asked.ascending), (asked.before, not asked.ascending)):
        if place is not None:
            beyond = ">" if is_further else "<"
            values += [place.created, place.id]
            moment, name = f"${len(values) - 1}", f"${len(values)}"
            text += f" AND (created {beyond} {moment} OR (created = {moment} AND {id} {beyond} {name}))"
    order = "ASC" if asked.ascending != asked.backwards else "DESC"
    values.append(asked.limit + 1)
    return f"{text} ORDER BY created {order}, {id} {order} LIMIT ${len(values)}"


def page(asked: Asked, found: list[_T]) -> Page[_T]:
    """What a client is shown of the rows that such a statement gave."""
    items = found[: asked.limit]
    return Page(items[::-1] if asked.backwards else items, len(found) > asked.limit)
