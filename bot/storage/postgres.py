"""The database port on PostgreSQL: a bounded pool, transactions that leave a clean connection, batched writers."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Any, Final, Literal, LiteralString

from bot.kernel.clock import Clock
from bot.kernel.errors import BotError
from bot.storage.bell import Bell
from bot.storage.errors import MaybeCommitted, StoreFault, WorkAwaited
from bot.storage.port import Batch, Item, Question, Result, Row, Tx, Value
from bot.storage.postgres_groups import Groups
from bot.storage.postgres_link import VENDOR_ERRORS, Connection, translated
from bot.storage.postgres_pool import Pool
from bot.storage.postgres_signals import Signals
from bot.storage.postgres_tx import PostgresTx

TRIES: Final = 3
_PAUSE_SECONDS: Final = 0.02
# A report may read for long; it holds no lock that a payment could wait for.
_STREAM_BEGIN: Final = """
BEGIN READ ONLY; SET LOCAL statement_timeout = '300s'; SET LOCAL idle_in_transaction_session_timeout = '300s'
"""

# Whether this context is inside the work of an effect. A second connection taken there could starve the pool.
_INSIDE: Final[ContextVar[bool]] = ContextVar("inside_effect", default=False)


class _Repeat(Exception):
    """The attempt left nothing behind and the next one may succeed."""

    def __init__(self, fault: BotError) -> None:
        self.fault = fault


class PostgresDatabase:
    """A PostgreSQL database that any number of processes share. ``connect`` in storage.database makes one."""

    engine: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, dsn: str, clock: Clock, *, connections: int) -> None:
        self._pool = Pool(dsn, connections)
        self._bell = Bell(clock)
        self._signals = Signals(dsn, self._bell)
        self._groups: dict[str, Groups] = {}
        self._chance = random.Random()  # noqa: S311 - jitter is no secret.

    async def effect(self, work: Callable[[Tx], Awaitable[Result]]) -> Result:
        return await self._repeated(lambda: self._transaction(work))

    async def batch(self, form: Batch[Item, Result], item: Item) -> Result:
        if form.many is None:
            return await self.effect(lambda tx: form.one(tx, item))
        _stay_outside()
        groups = self._groups.get(form.name)
        if groups is None:
            groups = self._groups[form.name] = Groups(form, self._many, self.effect)
        if groups.form is not form:
            raise StoreFault("form_twice", f"two forms are named {form.name}")
        result: Result = await groups.add(item)
        return result

    async def ask(self, question: Question[Item, Result], item: Item) -> Result:
        _stay_outside()
        groups = self._groups.get(question.name)
        if groups is None:
            groups = self._groups[question.name] = Groups(question, self._answers, self._answer)
        if groups.form is not question:
            raise StoreFault("form_twice", f"two questions are named {question.name}")
        result: Result = await groups.add(item)
        return result

    async def _answers(self, question: Question[Any, Any], items: Sequence[Any]) -> Sequence[Any]:
        return await self._repeated(lambda: self._read(lambda tx: question.many(tx, items)))

    async def _answer(self, read: Callable[[Tx], Awaitable[Any]]) -> Any:
        return await self._repeated(lambda: self._read(read))

    async def rows(self, sql: LiteralString, *values: Value) -> Sequence[Row]:
        return await self._repeated(lambda: self._read(lambda tx: tx.rows(sql, *values)))

    async def row(self, sql: LiteralString, *values: Value) -> Row | None:
        return await self._repeated(lambda: self._read(lambda tx: tx.row(sql, *values)))

    async def stream(self, sql: LiteralString, *values: Value, chunk: int = 500) -> AsyncIterator[Row]:
        _stay_outside()
        connection = await self._pool.take()
        try:
            await connection.execute(_STREAM_BEGIN)
            cursor = await connection.cursor(sql, *values)
            while rows := await cursor.fetch(chunk):
                for row in rows:
                    yield row
        except VENDOR_ERRORS as error:
            raise translated(error) from None
        finally:
            await self._pool.give_unclean(connection)

    async def heard(self, channel: str, within: float) -> bool:
        self._signals.start()
        return await self._bell.heard(channel, within)

    async def ping(self) -> None:
        await self.row("SELECT 1")

    async def close(self) -> None:
        """Finish what is queued, send what was signalled, close all connections."""
        await asyncio.gather(*(groups.close() for groups in self._groups.values()))
        await self._signals.close()
        await self._pool.close()

    async def _repeated(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """Try, and try again where the attempt surely left nothing behind; a bounded number of times."""
        _stay_outside()
        for tried in range(1, TRIES + 1):
            try:
                return await attempt()
            except _Repeat as again:
                if tried == TRIES:
                    raise again.fault from None
            await asyncio.sleep(_PAUSE_SECONDS * tried * (0.5 + self._chance.random()))
        raise AssertionError("unreachable: the loop returns or raises")

    async def _transaction(self, work: Callable[[Tx], Awaitable[Result]]) -> Result:
        connection = await self._pool.take()
        tx = PostgresTx(connection)
        clean = False
        try:
            result = await _within(tx, work)
            clean = True
        except Exception:
            # Whatever the work made of a failed statement, the failure itself decides whether to try again.
            if tx.failure is not None and tx.repeatable:
                raise _Repeat(tx.failure) from None
            raise
        finally:
            tx.end()
            await self._give(connection, tx, clean=clean)
        self._signals.send(tx.signals)
        return result

    async def _read(self, read: Callable[[PostgresTx], Awaitable[Result]]) -> Result:
        """Run one statement outside a transaction."""
        connection = await self._pool.take()
        tx = PostgresTx(connection)
        clean = False
        try:
            result = await read(tx)
            clean = True
        except BotError:
            if tx.failure is not None and tx.repeatable:
                raise _Repeat(tx.failure) from None
            raise
        finally:
            await self._give(connection, tx, clean=clean)
        return result

    async def _many(self, form: Batch[Any, Any], items: Sequence[Any]) -> Sequence[Any]:
        """Run the set-based form for a group."""
        many = form.many
        assert many is not None

        async def work(tx: Tx) -> Sequence[Any]:
            results = await many(tx, items)
            if len(results) != len(items):
                raise StoreFault("results_lost", f"{form.name} answered {len(results)} of {len(items)} items")
            return results

        if form.single_statement:
            return await self._repeated(lambda: self._statement(work))
        return await self.effect(work)

    async def _statement(self, work: Callable[[Tx], Awaitable[Result]]) -> Result:
        """Run work whose only statement is its own transaction."""
        connection = await self._pool.take()
        tx = PostgresTx(connection, single=True)
        clean = False
        try:
            result = await work(tx)
            clean = True
        except Exception as error:
            raise _after_statement(tx, error) from None
        finally:
            tx.end()
            await self._give(connection, tx, clean=clean)
        self._signals.send(tx.signals)
        return result

    async def _give(self, connection: Connection, tx: PostgresTx, *, clean: bool) -> None:
        if clean:
            self._pool.give(connection)
            return
        if tx.lost:
            # The others of the pool were most likely lost with it.
            self._pool.expire()
        await self._pool.give_unclean(connection)


async def _within(tx: PostgresTx, work: Callable[[Tx], Awaitable[Result]]) -> Result:
    await tx.control("BEGIN")
    token = _INSIDE.set(True)
    try:
        result = await work(tx)
    finally:
        _INSIDE.reset(token)
    if tx.failure is not None:
        raise tx.failure
    try:
        await tx.control("COMMIT")
    except BotError:
        if not tx.lost:
            raise
        tx.repeatable = False
        raise MaybeCommitted from None
    return result


def _after_statement(tx: PostgresTx, error: Exception) -> Exception:
    """Tell what an error means for a statement that needed no COMMIT."""
    if tx.lost:
        return MaybeCommitted()
    if tx.failure is None:
        # It was committed, if it was run at all, and what came after it failed.
        return MaybeCommitted() if tx.statements else error
    return _Repeat(tx.failure) if tx.repeatable else error


def _stay_outside() -> None:
    """Refuse a call from the work of an effect: it may use the transaction only."""
    if _INSIDE.get():
        raise WorkAwaited
