"""Imports hosted bills: every line is checked, the good ones are kept, the bad ones are named with a remedy."""

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from bot.billers.hosted import ACCOUNT, HOLDER
from bot.billers.items import BillItem, InputField
from bot.billers.sheets import rows_of
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import BadRequest
from bot.kernel.ids import new_id
from bot.kernel.masking import mask_account, mask_name
from bot.kernel.money import parse_yuan
from bot.kernel.text import normalise
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault
from bot.trail.audit import record

_BATCH: Final = 500
_FAULTS_KEPT: Final = 1_000

# What people call the columns; anything else becomes a line of the bill's detail.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "bill_no": ("账单号", "账单编号", "单号", "bill_no"),
    "account": ("户号", "房号", "学号", "账号", "编号", "客户号", "account"),
    "holder": ("户名", "姓名", "业主", "学生姓名", "holder"),
    "period": ("账期", "月份", "期间", "period"),
    "title": ("费用名称", "项目", "名称", "title"),
    "amount": ("金额", "应缴金额", "金额(元)", "金额（元）", "amount"),
    "due_on": ("截止日期", "缴费截止日", "到期日", "due_on"),
}
_REQUIRED: Final = ("bill_no", "account", "amount")
_PERIOD: Final = re.compile(r"(\d{4})[-/.年]?(\d{1,2})月?")

_PUT = """
INSERT INTO bills (id, item_id, bill_no, account_hash, account_sealed, account_mask, holder_hash, holder_mask, period,
  title, amount, paid, due_on, detail, state, imported_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, $13, 'open', $14, $14)
ON CONFLICT (item_id, bill_no) DO UPDATE SET account_hash = excluded.account_hash,
  account_sealed = excluded.account_sealed, account_mask = excluded.account_mask, holder_hash = excluded.holder_hash,
  holder_mask = excluded.holder_mask, period = excluded.period, title = excluded.title, amount = excluded.amount,
  due_on = excluded.due_on, detail = excluded.detail, changed_at = excluded.changed_at
WHERE bills.state = 'open'
"""
_STANDING = """
SELECT account_hash, holder_hash, period, title, amount, due_on, detail, state FROM bills
WHERE item_id = $1 AND bill_no = $2
"""
_NOTE = """
INSERT INTO imports (id, item_id, file_digest, actor, accepted, refused, unchanged, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One refused line: where, what is wrong, and what to do."""

    line: int
    problem: str
    remedy: str


@dataclass(slots=True)
class Report:
    """What an import did, or would do. At most a thousand faults are kept; ``refused`` counts them all."""

    accepted: int = 0
    unchanged: int = 0
    refused: int = 0
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, fault: Fault) -> None:
        self.refused += 1
        if len(self.faults) < _FAULTS_KEPT:
            self.faults.append(fault)

    @property
    def lines(self) -> int:
        return self.accepted + self.unchanged + self.refused


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    bill_no: str
    account: str
    holder: str
    period: str
    title: str
    amount: int
    due_on: str | None
    detail: Mapping[str, str]


class _DryRun(Exception):
    """Carries a batch's counts out of a transaction that must not stay."""

    def __init__(self, report: Report) -> None:
        super().__init__("dry run")
        self.report = report


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

        Raises BadRequest for a file that cannot be read at all or lacks a column.
        """
        account = item.definition.account
        if account is None:
            raise BadRequest("item_without_accounts", f"{item.name} takes no bills")
        total = Report()
        with rows_of(path) as rows, closing(_Seen()) as seen:
            for batch in _batches(_parsed(rows, account, seen, total)):
                part = await self._keep(item, batch, dry_run)
                total.accepted += part.accepted
                total.unchanged += part.unchanged
                for fault in part.faults:
                    total.refuse(fault)
                progress(total)
        if not dry_run:
            await self._note(path, item, actor, total)
        return total

    async def _keep(self, item: BillItem, batch: Sequence[_Row], dry_run: bool) -> Report:
        async def work(tx: Tx) -> Report:
            part = Report()
            for row in batch:
                await self._keep_one(tx, item, row, part)
            if dry_run:
                raise _DryRun(part)
            return part

        try:
            return await self._database.effect(work)
        except _DryRun as rolled_back:
            return rolled_back.report

    async def _keep_one(self, tx: Tx, item: BillItem, row: _Row, part: Report) -> None:
        hashed = self._vault.blind(row.account, f"{ACCOUNT}:{item.id}")
        holder = self._vault.blind(row.holder, HOLDER) if row.holder else None
        detail = json.dumps(row.detail, ensure_ascii=False, sort_keys=True)
        standing = await tx.row(_STANDING, item.id, row.bill_no)
        if standing is not None:
            fresh = (hashed, holder, row.period, row.title, row.amount, row.due_on, detail)
            known = ("account_hash", "holder_hash", "period", "title", "amount", "due_on", "detail")
            if tuple(standing[name] for name in known) == fresh:
                part.unchanged += 1
                return
            if standing["state"] != "open":
                remedy = "已付款或付款中的账单不能修改；如需更正请另开新账单号"
                part.refuse(Fault(row.line, f"账单 {row.bill_no} 的状态是 {standing['state']}", remedy))
                return
        now = self._clock.now()
        await tx.execute(
            _PUT,
            new_id("bil", now),
            item.id,
            row.bill_no,
            hashed,
            self._vault.seal(row.account, ACCOUNT),
            mask_account(row.account),
            holder,
            mask_name(row.holder) if row.holder else "",
            row.period,
            row.title,
            row.amount,
            row.due_on,
            detail,
            to_micros(now),
        )
        part.accepted += 1

    async def _note(self, path: Path, item: BillItem, actor: str, total: Report) -> None:
        """Record the import and who made it."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        now = self._clock.now()
        import_id = new_id("imp", now)
        counts = {"accepted": total.accepted, "refused": total.refused, "unchanged": total.unchanged}

        async def work(tx: Tx) -> None:
            await tx.execute(
                _NOTE, import_id, item.id, digest, actor, total.accepted, total.refused, total.unchanged, to_micros(now)
            )
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


class _Seen:
    """The bill numbers of one file, kept on disk so that a file of any length needs no more memory."""

    def __init__(self) -> None:
        self._store = sqlite3.connect("")
        self._store.execute("CREATE TABLE seen (number TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")

    def first_line(self, number: str, line: int) -> int | None:
        """Return the line on which a number stood before, and remember this one otherwise."""
        try:
            self._store.execute("INSERT INTO seen VALUES (?, ?)", (number, line))
        except sqlite3.IntegrityError:
            found = self._store.execute("SELECT line FROM seen WHERE number = ?", (number,)).fetchone()
            return int(found[0])
        return None

    def close(self) -> None:
        self._store.close()


def _batches(rows: Iterator[_Row]) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _parsed(
    rows: Iterator[tuple[int, Sequence[str]]], account: InputField, seen: _Seen, total: Report
) -> Iterator[_Row]:
    """Yield the lines that are in order; put the others into the report."""
    header = next(rows, None)
    if header is None:
        raise BadRequest("file_empty", "the first line names the columns")
    places, details = _columns(header[1])
    for number, cells in rows:
        if not any(cells):
            continue
        row = _row(number, cells, places, details, account)
        if isinstance(row, _Row):
            before = seen.first_line(row.bill_no, number)
            if before is None:
                yield row
                continue
            row = Fault(number, f"账单号 {row.bill_no} 与第 {before} 行重复", "每笔账单用不同的账单号")
        total.refuse(row)


def _columns(header: Sequence[str]) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return where each known column stands, and the others by name; raises BadRequest when one is missing."""
    names = [normalise(cell) for cell in header]
    known = {normalise(alias): key for key, aliases in COLUMNS.items() for alias in aliases}
    places: dict[str, int] = {}
    details: dict[str, int] = {}
    for place, name in enumerate(names):
        key = known.get(name)
        if key is not None and key not in places:
            places[key] = place
        elif name:
            details[name] = place
    missing = [COLUMNS[key][0] for key in _REQUIRED if key not in places]
    if missing:
        raise BadRequest("columns_missing", f"the first line must name these columns: {', '.join(missing)}")
    return places, details


def _row(
    line: int, cells: Sequence[str], places: Mapping[str, int], details: Mapping[str, int], account: InputField
) -> _Row | Fault:
    def cell(key: str) -> str:
        place = places.get(key)
        return normalise(cells[place]) if place is not None and place < len(cells) else ""

    number = account.canonical(cell("account"))
    amount = parse_yuan(cell("amount").removeprefix("¥").removesuffix("元"))
    if not 0 < len(cell("bill_no")) <= 64:
        return Fault(line, "账单号为空或超过 64 个字符", "填写唯一的账单号")
    if not account.accepts(number):
        return Fault(line, f"{account.label}的格式不对", account.help or "按收费项目规定的格式填写")
    if amount is None or amount == 0:
        return Fault(line, "金额不是大于 0、最多两位小数的数字", "以元为单位填写，如 128.50")
    period = _period(cell("period"))
    if period is None:
        return Fault(line, "账期不是年月", "填写如 2026-10 或 2026年10月")
    due_on = _day(cell("due_on"))
    if cell("due_on") and due_on is None:
        return Fault(line, "截止日期不是日期", "填写如 2026-11-30")
    shown = {name: normalise(cells[place]) for name, place in details.items() if place < len(cells) and cells[place]}
    return _Row(line, cell("bill_no"), number, cell("holder"), period, cell("title"), amount, due_on, shown)


def _period(text: str) -> str | None:
    """Return ``YYYY-MM``, an empty text for none, or None for what is no month."""
    if not text:
        return ""
    match = _PERIOD.match(text)
    if match is None or not 1 <= int(match[2]) <= 12:
        return None
    return f"{match[1]}-{int(match[2]):02d}"


def _day(text: str) -> str | None:
    try:
        return date.fromisoformat(text.replace("/", "-").replace(".", "-")).isoformat()
    except ValueError:
        return None
