"""How a database goes about what it is asked."""

from gateway.state.records.contract import Records, Row, Value


class Watched:
    """A database that keeps the plan of what it was asked last."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.json_each = records.json_each
        self.plan = ""

    async def fetch(self, statement: str, *values: Value) -> list[Row]:
        how = "EXPLAIN QUERY PLAN" if self.json_each == "json_each" else "EXPLAIN"
        self.plan = "\n".join(str(tuple(row)) for row in await self._records.fetch(f"{how} {statement}", *values))
        return await self._records.fetch(statement, *values)
