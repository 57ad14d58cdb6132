"""Turns the rows of a bill file into bills to be kept, and every other row into a fault with its remedy."""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from bot.billers.cells import Cell, Trouble
from bot.billers.items import InputField
from bot.billers.sheets import Row
from bot.kernel.errors import BadRequest
from bot.kernel.money import parse_yuan
from bot.kernel.text import normalise

ROWS_MAX: Final = 1_000_000
# A title, the date of the print, an empty line: what may stand above the names of the columns.
_HEADER_WITHIN: Final = 10
_BILL_NO_MAX: Final = 64

# What people call the columns; anything else becomes a line of the bill's detail.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "bill_no": ("账单号", "账单编号", "单号", "bill_no"),
    "account": ("户号", "房号", "学号", "账号", "编号", "客户号", "account"),
    "holder": ("户名", "姓名", "业主", "业主姓名", "学生姓名", "holder"),
    "period": ("账期", "月份", "期间", "period"),
    "title": ("费用名称", "项目", "名称", "title"),
    "amount": ("金额", "应缴金额", "金额(元)", "应缴金额(元)", "amount"),
    "due_on": ("截止日期", "缴费截止日", "到期日", "due_on"),
}
_REQUIRED: Final = ("bill_no", "account", "amount")
# A bill's detail is kept as plain text and shown, so nothing about a person may slip into it.
_PERSONAL: Final = re.compile(
    r"电话|手机|身份|证件|地址|住址|姓名|户名|业主|联系|银行卡|卡号|微信|邮箱|openid|phone|mobile|mail|address|name|\bid\b"
)
_PERIOD: Final = re.compile(r"(\d{4})(?:年|[-/.]|(?=\d\d$))(\d{1,2})(?:月份?|[-/.]\d{1,2}|)", re.ASCII)
_DAY: Final = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 0?0:00(?::00)?)?|(\d{4})(\d{2})(\d{2})", re.ASCII
)
_AMOUNT: Final = re.compile(r"¥?\s*(\d+|\d{1,3}(?:,\d{3})+)(\.\d{1,2}|\.\d{2}0+)?\s*元?", re.ASCII)
_SCIENTIFIC: Final = re.compile(r"\d(?:\.\d+)?E\+?\d+", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """One refused line: where, what is wrong, and what to do."""

    line: int
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class NewBill:
    """One good line, everything in canonical form; ``amount`` in fen."""

    line: int
    bill_no: str
    account: str
    holder: str
    period: str
    title: str
    amount: int
    due_on: str | None
    detail: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each known column stands, the further ones by name, and those that are not kept."""

    places: Mapping[str, int]
    details: Mapping[str, int]
    left_out: tuple[str, ...]


class Seen:
    """The bill numbers of one file, kept on disk so that a file of any length needs no more memory."""

    def __init__(self) -> None:
        # Lines may be read in another thread than the one that made this, never in two at once.
        self._store = sqlite3.connect("", check_same_thread=False)
        self._store.execute("CREATE TABLE seen (number TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")

    def first_line(self, number: str, line: int) -> int | None:
        """Return the line on which a number stood before; otherwise remember this one and return None."""
        if self._store.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (number, line)).rowcount:
            return None
        found = self._store.execute("SELECT line FROM seen WHERE number = ?", (number,)).fetchone()
        return int(found[0])

    def close(self) -> None:
        self._store.close()


def header_of(rows: Iterator[Row]) -> Columns:
    """Read up to the line that names the columns. Raises BadRequest when there is none."""
    lacking: list[str] = []
    for _, (_, cells) in zip(range(_HEADER_WITHIN), rows, strict=False):
        names = [] if isinstance(cells, Trouble) else [_name(cell) for cell in cells]
        columns = _columns(names)
        missing = [COLUMNS[key][0] for key in _REQUIRED if key not in columns.places]
        if not missing:
            return columns
        # Told of the line that came nearest, which is the one that was meant.
        lacking = missing if not lacking or len(missing) < len(lacking) else lacking
    if not lacking:
        raise BadRequest("file_empty", "the first line names the columns")
    raise BadRequest("columns_missing", f"one line must name these columns too: {', '.join(lacking)}")


def bills_of(rows: Iterator[Row], reader: "LineReader", seen: Seen) -> Iterator[NewBill | Fault]:
    """Yield a bill or a fault for every line that is not empty."""
    for count, (number, cells) in enumerate(rows, start=1):
        if count > ROWS_MAX:
            yield Fault(number, f"超过 {ROWS_MAX} 行", "把文件分成几份导入")
            return
        if isinstance(cells, Trouble):
            yield Fault(number, cells.problem, cells.remedy)
        elif any(cells):
            yield _first(reader.read(number, cells), seen)


def _first(read: NewBill | Fault, seen: Seen) -> NewBill | Fault:
    if isinstance(read, Fault):
        return read
    before = seen.first_line(read.bill_no, read.line)
    if before is None:
        return read
    return Fault(read.line, f"账单号 {read.bill_no} 与第 {before} 行重复", "每笔账单用不同的账单号")


def _name(cell: Cell) -> str:
    return "" if isinstance(cell, Trouble) else normalise(cell).replace(" ", "").casefold()


def _columns(names: Sequence[str]) -> Columns:
    known = {alias: key for key, aliases in COLUMNS.items() for alias in aliases}
    places: dict[str, int] = {}
    details: dict[str, int] = {}
    left_out: list[str] = []
    for place, name in enumerate(names):
        key = known.get(name)
        if key is not None and key not in places:
            places[key] = place
        elif name and _PERSONAL.search(name):
            left_out.append(name)
        elif name:
            details[name] = place
    return Columns(places, details, tuple(left_out))


class _Unusable(Exception):
    """Carries a trouble out of the reading of one line."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.problem)
        self.trouble = trouble


class LineReader:
    """Reads the lines of one file: ``account`` says how accounts look, ``proof`` what customers will be asked for."""

    def __init__(self, columns: Columns, account: InputField, proof: InputField | None) -> None:
        self._columns = columns
        self._account = account
        self._proof = proof

    def read(self, line: int, cells: Sequence[Cell]) -> NewBill | Fault:
        """Return the bill of a line, or the first thing that is wrong with it."""
        known = {key: _text(cells, place) for key, place in self._columns.places.items()}
        try:
            return NewBill(
                line=line,
                bill_no=_bill_no(known["bill_no"]),
                account=self._canonical_account(known["account"]),
                holder=self._canonical_holder(known.get("holder", "")),
                period=_period(known.get("period", "")),
                title=_usable("费用名称", known.get("title", "")),
                amount=_amount(known["amount"]),
                due_on=_day(known.get("due_on", "")),
                detail=self._detail(cells),
            )
        except _Unusable as fault:
            return Fault(line, fault.trouble.problem, fault.trouble.remedy)

    def _canonical_account(self, cell: Cell) -> str:
        label = self._account.label
        text = _usable(label, cell)
        if _SCIENTIFIC.fullmatch(text):
            raise _Unusable(Trouble(f"{label}被表格软件改成了科学计数法", "把该列设为文本格式后重新填写"))
        number = self._account.canonical(text)
        if not number or not self._account.accepts(number):
            remedy = self._account.help or "按收费项目规定的格式填写"
            raise _Unusable(Trouble(f"{label}的格式不对", f"{remedy}；该列请设为文本格式，以免丢失开头的 0"))
        return number

    def _canonical_holder(self, cell: Cell) -> str:
        """Return what the item takes as proof of belonging; without it nobody could ever find the bill."""
        text = _usable("户名", cell)
        if self._proof is None:
            return text
        proof = self._proof.canonical(text)
        if not proof or not self._proof.accepts(proof):
            raise _Unusable(Trouble(f"{self._proof.label}为空或格式不对", "客户查询账单时要核对此项，请填写完整"))
        return proof

    def _detail(self, cells: Sequence[Cell]) -> Mapping[str, str]:
        said = {name: _usable(name, _text(cells, place)) for name, place in self._columns.details.items()}
        return {name: text for name, text in said.items() if text}


def _text(cells: Sequence[Cell], place: int) -> Cell:
    cell = cells[place] if place < len(cells) else ""
    return cell if isinstance(cell, Trouble) else normalise(cell)


def _usable(label: str, cell: Cell) -> str:
    if isinstance(cell, Trouble):
        raise _Unusable(Trouble(f"{label}：{cell.problem}", cell.remedy))
    return cell


def _bill_no(cell: Cell) -> str:
    text = _usable("账单号", cell)
    if not 0 < len(text) <= _BILL_NO_MAX:
        raise _Unusable(Trouble(f"账单号为空或超过 {_BILL_NO_MAX} 个字符", "填写唯一的账单号"))
    return text


def _amount(cell: Cell) -> int:
    text = _usable("金额", cell)
    match = _AMOUNT.fullmatch(text)
    fen = None if match is None else parse_yuan(match[1] + (match[2] or "").rstrip("0").rstrip("."))
    if not fen:
        raise _Unusable(Trouble("金额不是大于 0、最多两位小数的数字", "以元为单位填写，如 128.50"))
    return fen


def _period(cell: Cell) -> str:
    """Return ``YYYY-MM``, or an empty text for none.

    ``2026.1`` is refused: a spreadsheet makes it of 2026.10.
    """
    text = _usable("账期", cell)
    if not text:
        return ""
    match = _PERIOD.fullmatch(text)
    ambiguous = re.fullmatch(r"\d{4}\.\d", text) is not None
    if match is None or ambiguous or not 1 <= int(match[2]) <= 12:
        raise _Unusable(Trouble("账期不是年月", "填写如 2026-10 或 2026年10月，该列请设为文本格式"))
    return f"{match[1]}-{int(match[2]):02d}"


def _day(cell: Cell) -> str | None:
    text = _usable("截止日期", cell)
    if not text:
        return None
    match = _DAY.fullmatch(text)
    try:
        year, month, day = (int(part) for part in match.groups() if part) if match else (0, 0, 0)
        return date(year, month, day).isoformat()
    except ValueError:
        raise _Unusable(Trouble("截止日期不是日期", "填写如 2026-11-30")) from None
