"""Takes a day's bill into the tables as a stream, once for each content, in steps that a crash cannot spoil."""

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import Conflict, GatewayTrouble
from bot.kernel.ids import new_id
from bot.kernel.money import MAX_FEN
from bot.payments.facts import StatementLine
from bot.payments.faculties import FlowLine
from bot.payments.reconciliation.days import AccountDay
from bot.storage.port import Database, Row, Tx, Value
from bot.trail import audit

STEP: Final = 1_000
_BEAT: Final = 20
# A bound for what another house sends: above it something is wrong with the stream itself.
LINES_MAX: Final = 20_000_000
_TEXT_MAX: Final = 256

Kind = Literal["trade", "flow"]
SHARES: Final = ("share", "share_returned")
_KINDS: Final = ("payment", "refund", "reversal", *SHARES)
Cells = tuple[str | int | None, ...]
Line = TypeVar("Line", StatementLine, FlowLine)
Hold = Callable[[Tx], Awaitable[None]]

# The words of vendors for a refund that is under way, or came to nothing. All others say that it is done.
_PENDING: Final = frozenset({"processing", "pending", "accepted", "change", "abnormal"})
_FAILED: Final = frozenset({"fail", "failed", "closed", "refundclose"})

_CURRENT: Final = """
SELECT id, version, digest, lines FROM statements
WHERE gateway = $1 AND account = $2 AND day = $3 AND kind = $4 AND state = 'ready'
"""
_LAST: Final = """
SELECT COALESCE(MAX(version), 0) AS version FROM statements
WHERE gateway = $1 AND account = $2 AND day = $3 AND kind = $4
"""
_BEGIN: Final = """
INSERT INTO statements (id, gateway, account, day, kind, version, source, actor, state, begun_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'loading', $9)
"""
_LEFT_OVER: Final = """
UPDATE statements SET state = 'abandoned', ended_at = $5
WHERE gateway = $1 AND account = $2 AND day = $3 AND kind = $4 AND state = 'loading'
"""
_ABANDONED: Final = """
SELECT id FROM statements
WHERE gateway = $1 AND account = $2 AND day = $3 AND kind = $4 AND state = 'abandoned'
"""
_SUPERSEDE: Final = """
UPDATE statements SET state = 'superseded', ended_at = $5
WHERE gateway = $1 AND account = $2 AND day = $3 AND kind = $4 AND state = 'ready'
"""
_READY: Final = """
UPDATE statements SET state = 'ready', digest = $2, lines = $3, ended_at = $4 WHERE id = $1 AND state = 'loading'
"""
_CLEAR: Final = {
    "trade": """
DELETE FROM statement_lines WHERE statement_id = $1 AND line_no IN (
  SELECT line_no FROM statement_lines WHERE statement_id = $1 ORDER BY line_no LIMIT $2)
""",
    "flow": """
DELETE FROM flow_lines WHERE statement_id = $1 AND line_no IN (
  SELECT line_no FROM flow_lines WHERE statement_id = $1 ORDER BY line_no LIMIT $2)
""",
}
_INSERT: Final = {
    ("trade", "postgresql"): """
INSERT INTO statement_lines (statement_id, line_no, kind, number, out_trade_no, transaction_id, refund_id, amount,
  currency, fee, settlement_amount, shared, outcome, vendor_state, at)
SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
  $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::bigint[])
""",
    ("trade", "sqlite"): """
INSERT INTO statement_lines (statement_id, line_no, kind, number, out_trade_no, transaction_id, refund_id, amount,
  currency, fee, settlement_amount, shared, outcome, vendor_state, at)
SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
  value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13 FROM json_each($2)
""",
    ("flow", "postgresql"): """
INSERT INTO flow_lines (statement_id, line_no, kind, number, flow_no, amount, balance, vendor_kind, note, at)
SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[],
  $9::text[], $10::bigint[])
""",
    ("flow", "sqlite"): """
INSERT INTO flow_lines (statement_id, line_no, kind, number, flow_no, amount, balance, vendor_kind, note, at)
SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
  value ->> 8 FROM json_each($2)
""",
}
# Without figures about a million new rows the server would plan as if there were none.
_ANALYZE: Final = {"trade": "ANALYZE statement_lines", "flow": "ANALYZE flow_lines"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a bill comes from, who brought it, and what else its transactions do.

    ``hold`` is called in each of them: whoever has lost the day to another process must write nothing more.
    ``ready`` is called in the one after which the new bill counts.
    """

    name: Literal["gateway", "file"]
    actor: str
    hold: Hold
    ready: Hold


@dataclass(frozen=True, slots=True)
class Taken:
    """The bill that counts now; ``changed`` when this intake made it so."""

    statement_id: str
    version: int
    lines: int
    changed: bool


class Intake:
    """Keeps bills. Whoever calls holds the day, so that no two processes load it at the same time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def trade(self, day: AccountDay, bill: Callable[[], AsyncIterator[StatementLine]], source: Source) -> Taken:
        """Take a trade bill in. The same content again changes nothing; another content is another version.

        Raises GatewayTrouble for a line that nobody could have written, and whatever the stream raises; the version
        before then counts on.
        """
        return await self._take(day, "trade", lambda: _cells(bill(), _trade), source)

    async def flow(self, day: AccountDay, bill: Callable[[], AsyncIterator[FlowLine]], source: Source) -> Taken:
        """Take a fund-flow bill in, likewise."""
        return await self._take(day, "flow", lambda: _cells(bill(), _flow), source)

    async def current(self, day: AccountDay, kind: Kind) -> Row | None:
        """Return id, version, digest and lines of the bill that counts."""
        return await self._database.row(_CURRENT, *day.row, kind)

    async def _take(
        self, day: AccountDay, kind: Kind, cells: Callable[[], AsyncGenerator[Cells, None]], source: Source
    ) -> Taken:
        standing = await self.current(day, kind)
        if standing is not None:
            digest, _ = await self._read(cells, self._beat(source))
            if digest == standing["digest"]:
                return Taken(standing["id"], standing["version"], standing["lines"], changed=False)
        statement_id, version = await self._begin(day, kind, source)
        digest, lines = await self._read(cells, lambda part: self._keep(statement_id, kind, part, source))
        await self._end(day, kind, statement_id, version, digest, lines, source)
        return Taken(statement_id, version, lines, changed=True)

    async def _read(
        self,
        cells: Callable[[], AsyncGenerator[Cells, None]],
        keep: Callable[[Sequence[Cells]], Awaitable[None]],
    ) -> tuple[str, int]:
        """Read a stream to its end, a step at a time; return the digest of its content and the number of its lines."""
        digest, count = hashlib.sha256(), 0
        part: list[Cells] = []
        async with aclosing(cells()) as stream:
            async for line in stream:
                count += 1
                if count > LINES_MAX:
                    raise GatewayTrouble("statement_too_large")
                digest.update(repr(line).encode())
                part.append((count, *line))
                if len(part) >= STEP:
                    await keep(part)
                    part = []
        if part:
            await keep(part)
        return digest.hexdigest(), count

    def _beat(self, source: Source) -> Callable[[Sequence[Cells]], Awaitable[None]]:
        """Return what keeps nothing of a stream but the lease, now and then, while it is read for its digest."""
        steps = 0

        async def beat(_: Sequence[Cells]) -> None:
            nonlocal steps
            steps += 1
            if steps % _BEAT == 0:
                await self._database.effect(source.hold)

        return beat

    async def _begin(self, day: AccountDay, kind: Kind, source: Source) -> tuple[str, int]:
        """Open a new version; what a dead process left half-loaded is cleared away, a step at a time."""
        now = self._clock.now()
        statement_id = new_id("stm", now)

        async def begin(tx: Tx) -> int:
            await source.hold(tx)
            await tx.execute(_LEFT_OVER, *day.row, kind, to_micros(now))
            last = await tx.row(_LAST, *day.row, kind)
            version = int(last["version"]) + 1 if last is not None else 1
            named = (statement_id, *day.row, kind, version, source.name, source.actor)
            await tx.execute(_BEGIN, *named, to_micros(now))
            return version

        version = await self._database.effect(begin)
        for row in await self._database.rows(_ABANDONED, *day.row, kind):
            await self._clear(kind, row["id"], source)
        return statement_id, version

    async def _clear(self, kind: Kind, statement_id: str, source: Source) -> None:
        async def clear(tx: Tx) -> int:
            await source.hold(tx)
            return await tx.execute(_CLEAR[kind], statement_id, STEP)

        while await self._database.effect(clear):
            pass

    async def _keep(self, statement_id: str, kind: Kind, part: Sequence[Cells], source: Source) -> None:
        async def keep(tx: Tx) -> None:
            await source.hold(tx)
            if tx.engine == "postgresql":
                columns: list[Value] = [list(column) for column in zip(*part, strict=True)]
                await tx.execute(_INSERT[kind, "postgresql"], statement_id, *columns)
            else:
                await tx.execute(_INSERT[kind, "sqlite"], statement_id, json.dumps(part, ensure_ascii=False))

        await self._database.effect(keep)

    async def _end(
        self,
        day: AccountDay,
        kind: Kind,
        statement_id: str,
        version: int,
        digest: str,
        lines: int,
        source: Source,
    ) -> None:
        now = self._clock.now()
        facts = {"day": day.key, "kind": kind, "version": version, "digest": digest, "lines": lines}

        async def end(tx: Tx) -> None:
            await source.hold(tx)
            replaced = await tx.execute(_SUPERSEDE, *day.row, kind, to_micros(now))
            if not await tx.execute(_READY, statement_id, digest, lines, to_micros(now)):
                raise Conflict("statement_taken_over", "somebody else loads this bill")
            if tx.engine == "postgresql":
                await tx.execute(_ANALYZE[kind])
            await source.ready(tx)
            await audit.record(
                tx,
                actor=source.actor,
                action="statement.superseded" if replaced else "statement.taken",
                subject=day.key,
                detail={**facts, "source": source.name},
                trace_id=statement_id,
                now=now,
            )

        await self._database.effect(end)


async def _cells(lines: AsyncIterator[Line], form: Callable[[Line], Cells]) -> AsyncGenerator[Cells, None]:
    try:
        async for line in lines:
            yield form(line)
    finally:
        # A stream that is left half-way must not keep its file open until the collector comes by.
        if isinstance(lines, AsyncGenerator):
            await lines.aclose()


def _trade(line: StatementLine) -> Cells:
    """Return a line as its row's columns; raises GatewayTrouble for one that would be no money of ours."""
    refund = line.kind == "refund"
    number = _number(line)
    words = (line.out_trade_no, line.transaction_id, line.refund_id, line.currency, line.vendor_state or line.state)
    if line.kind not in _KINDS or not number or not line.currency:
        raise GatewayTrouble("statement_malformed", "a line that says not what it is about")
    if not 0 <= line.amount <= MAX_FEN or abs(line.fee) > MAX_FEN or any(len(word) > _TEXT_MAX for word in words):
        raise GatewayTrouble("statement_malformed", "a line above every limit")
    return (
        line.kind,
        number,
        line.out_trade_no,
        line.transaction_id,
        line.refund_id,
        line.amount,
        line.currency,
        line.fee,
        line.settlement_amount,
        line.shared,
        _outcome(line.state) if refund else "done",
        line.vendor_state or line.state,
        to_micros(line.at),
    )


def _number(line: StatementLine) -> str:
    """Return what our own books know a line by, as far as the bill tells it."""
    if line.kind == "refund":
        return line.out_refund_no or line.refund_id
    ours = line.out_order_no if line.kind in SHARES else ""
    return ours or line.out_trade_no or line.transaction_id


def _outcome(state: str) -> str:
    word = state.strip().lower()
    return "pending" if word in _PENDING else "failed" if word in _FAILED else "done"


def _flow(line: FlowLine) -> Cells:
    number = line.reference or line.transaction_id
    if max(len(number), len(line.flow_no), len(line.vendor_kind)) > _TEXT_MAX or abs(line.amount) > MAX_FEN:
        raise GatewayTrouble("statement_malformed", "a movement above every limit")
    return (
        line.kind,
        number,
        line.flow_no,
        line.amount,
        line.balance,
        line.vendor_kind,
        line.note[:_TEXT_MAX],
        to_micros(line.at),
    )
