"""Imports hosted bills: every line is checked, the good ones are kept, the bad ones are named with a remedy."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from bot.billers import keeping
from bot.billers.hosted import ACCOUNT, account_blind, holder_blind
from bot.billers.items import BillItem
from bot.billers.keeping import ReadyBill
from bot.billers.lines import Fault, LineReader, NewBill, Seen, bills_of, header_of
from bot.billers.sheets import opened
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import BadRequest
from bot.kernel.ids import new_id
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault
from bot.trail.audit import record

_BATCH: Final = 500
_FAULTS_KEPT: Final = 1_000
_STATES: Final = {
    "held": "付款中",
    "partly_paid": "已付一部分",
    "paid": "已付款",
    "settled": "已销账",
    "reopened": "已退款、另有部分付款",
    "withdrawn": "已撤回",
    "superseded": "已被替换",
    "paid_elsewhere": "已在别处付款",
}

_NOTE: Final = """
INSERT INTO imports (id, item_id, file_digest, actor, accepted, refused, unchanged, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

T = TypeVar("T")


@dataclass(slots=True)
class Report:
    """What an import did, or would do. At most a thousand faults are kept; ``refused`` counts them all."""

    accepted: int = 0
    unchanged: int = 0
    refused: int = 0
    faults: list[Fault] = field(default_factory=list)
    # What was left out on purpose, in words.
    notes: list[str] = field(default_factory=list)

    def refuse(self, fault: Fault) -> None:
        self.refused += 1
        if len(self.faults) < _FAULTS_KEPT:
            self.faults.append(fault)

    @property
    def lines(self) -> int:
        return self.accepted + self.unchanged + self.refused


class _DryRun(Exception):
    """Carries a batch's counts out of a transaction that must not stay."""

    def __init__(self, part: Report) -> None:
        super().__init__("dry run")
        self.part = part


class BillImport:
    """Imports one file into one item. The same file again changes nothing: bills are known by their number."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def run(
        self,
        path: Path,
        item: BillItem,
        *,
        actor: str,
        dry_run: bool,
        progress: Callable[[Report], None] = lambda _: None,
    ) -> Report:
        """Read the file as a stream and report; with ``dry_run`` every check is made and nothing is kept.

        Batches are committed one by one: after a crash the same file is imported again, and what was kept is then
        unchanged. Raises BadRequest for a file that is no sheet or lacks a column, and for an item without bills.
        """
        account = item.definition.account
        if not item.hosted or account is None:
            raise BadRequest("item_without_bills", f"{item.name} keeps no bills here")
        import_id = new_id("imp", self._clock.now())
        total = Report()
        with ExitStack() as stack:
            sheet = await _in_thread(lambda: stack.enter_context(opened(path)))
            seen = stack.enter_context(closing(Seen()))
            columns = header_of(sheet.rows)
            total.notes.extend(sheet.notes)
            if columns.left_out:
                total.notes.append(f"未导入可能含个人信息的列：{'、'.join(columns.left_out)}")
            reader = LineReader(columns, account, next(iter(item.definition.proofs), None))
            lines = bills_of(sheet.rows, reader, seen)
            digest = await _in_thread(lambda: _digest(path))
            if not dry_run:
                await self._begun(import_id, item, actor, digest)
            while batch := await _in_thread(lambda: self._batch(item, lines)):
                await self._keep(item, batch, total, dry_run=dry_run)
                progress(total)
        if not dry_run:
            await self._ended(import_id, item, actor, digest, total)
        return total

    def _batch(self, item: BillItem, lines: Iterator[NewBill | Fault]) -> list[ReadyBill | Fault]:
        return [line if isinstance(line, Fault) else self._ready(item, line) for line in islice(lines, _BATCH)]

    def _ready(self, item: BillItem, bill: NewBill) -> ReadyBill:
        account_hash = account_blind(self._vault, item.id, bill.account)
        return ReadyBill(
            bill,
            account_hash,
            self._vault.seal(bill.account, ACCOUNT),
            holder_blind(self._vault, account_hash, bill.holder) if bill.holder else None,
            json.dumps(bill.detail, ensure_ascii=False, sort_keys=True),
        )

    async def _keep(self, item: BillItem, batch: Sequence[ReadyBill | Fault], total: Report, *, dry_run: bool) -> None:
        ready = [line for line in batch if isinstance(line, ReadyBill)]

        async def work(tx: Tx) -> Report:
            part = await self._put(tx, item, ready)
            if dry_run:
                raise _DryRun(part)
            return part

        try:
            part = await self._database.effect(work)
        except _DryRun as rolled_back:
            part = rolled_back.part
            # Else its frames would keep the whole batch until the collector comes by.
            rolled_back.__traceback__ = None
        total.accepted += part.accepted
        total.unchanged += part.unchanged
        faults = [line for line in batch if isinstance(line, Fault)]
        for fault in sorted([*faults, *part.faults], key=lambda fault: fault.line):
            total.refuse(fault)

    async def _put(self, tx: Tx, item: BillItem, ready: Sequence[ReadyBill]) -> Report:
        part = Report()
        rows = await keeping.standing(tx, item.id, ready)
        changed = [one for one in ready if one.number not in rows or not one.same(rows[one.number])]
        written = await keeping.put(tx, item.id, changed, self._clock.now())
        part.accepted, part.unchanged = len(written), len(ready) - len(changed)
        for one in changed:
            if one.number not in written:
                state = str(rows[one.number]["state"]) if one.number in rows else ""
                remedy = "已付款或付款中的账单不能修改；如需更正请另开新账单号"
                part.refuse(Fault(one.bill.line, f"账单 {one.number} {_STATES.get(state, '付款中')}", remedy))
        return part

    async def _begun(self, import_id: str, item: BillItem, actor: str, digest: str) -> None:
        """Record who imports what before anything is kept, so that a crash leaves no change without a name."""
        now = self._clock.now()

        async def work(tx: Tx) -> None:
            await record(
                tx,
                actor=actor,
                action="bills.import_begun",
                subject=item.id,
                detail={"file": digest},
                trace_id=import_id,
                now=now,
            )

        await self._database.effect(work)

    async def _ended(self, import_id: str, item: BillItem, actor: str, digest: str, total: Report) -> None:
        """Record what came of the import."""
        now = self._clock.now()
        counts = {"accepted": total.accepted, "refused": total.refused, "unchanged": total.unchanged}

        async def work(tx: Tx) -> None:
            await tx.execute(_NOTE, import_id, item.id, digest, actor, *counts.values(), to_micros(now))
            await record(
                tx,
                actor=actor,
                action="bills.imported",
                subject=item.id,
                detail={"file": digest, **counts},
                trace_id=import_id,
                now=now,
            )

        await self._database.effect(work)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _in_thread(work: Callable[[], T]) -> T:
    """Run ``work`` beside the loop, and see it end before a cancellation goes on: it holds open files."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise
