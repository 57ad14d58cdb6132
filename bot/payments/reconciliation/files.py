"""Reads a trade bill from a plain CSV, for gateways that give their bills by hand and for what was mended by people."""

import asyncio
import csv
import re
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from bot.kernel.clock import SHANGHAI
from bot.kernel.errors import BadRequest
from bot.kernel.money import CNY, parse_yuan
from bot.payments.facts import StatementLine

# Amounts in yuan; times in Shanghai unless they carry an offset.
NEEDED: Final = ("kind", "out_trade_no", "transaction_id", "amount", "at")
OPTIONAL: Final = (
    "currency",
    "state",
    "fee",
    "out_refund_no",
    "refund_id",
    "settlement_amount",
    "shared",
    "out_order_no",
)
_AT_ONCE: Final = 500
_NUMBER: Final = re.compile(r"[0-9A-Za-z_.|*@-]{0,64}", re.ASCII)
Each = TypeVar("Each")


def is_plain(path: Path) -> bool:
    """Tell whether a file begins with our own column names; raises BadRequest for one that is not there."""
    if not path.is_file():
        raise BadRequest("file_missing", f"there is no file {path.name}")
    with path.open("rb") as file:
        return file.read(64).removeprefix(b"\xef\xbb\xbf").startswith(b"kind,")


async def read(path: Path) -> AsyncIterator[StatementLine]:
    """Yield a file's lines in constant memory; raises BadRequest naming the first line that is none."""
    rows = _rows(path)
    async for line in in_steps(rows):
        yield line


async def in_steps(rows: Iterator[Each]) -> AsyncIterator[Each]:
    """Yield what a blocking iterator yields, read beside the loop some at a time; closes it in the end."""
    try:
        while part := await asyncio.to_thread(lambda: list(islice(rows, _AT_ONCE))):
            for each in part:
                yield each
    finally:
        if isinstance(rows, Generator):
            rows.close()


def _rows(path: Path) -> Iterator[StatementLine]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text)
            missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
            if missing:
                raise BadRequest("column_missing", f"the first line must name {', '.join(NEEDED)}")
            for row in reader:
                yield _line(row, reader.line_num)
    except (UnicodeDecodeError, csv.Error):
        raise BadRequest("file_unreadable", "save the file as CSV UTF-8") from None


def _line(row: Mapping[str, str | None], number: int) -> StatementLine:
    def text(name: str) -> str:
        return (row.get(name) or "").strip()

    def fen(name: str) -> int:
        signed = text(name)
        amount = parse_yuan(signed.removeprefix("-"))
        if amount is None:
            raise BadRequest("line_malformed", f"line {number}: {name} is no amount in yuan")
        return -amount if signed.startswith("-") else amount

    numbers = ("out_trade_no", "transaction_id", "out_refund_no", "refund_id", "out_order_no")
    if any(not _NUMBER.fullmatch(text(name)) for name in numbers):
        raise BadRequest("line_malformed", f"line {number}: a number that is none")
    try:
        moment = datetime.fromisoformat(text("at"))
    except ValueError:
        raise BadRequest("line_malformed", f"line {number}: a time such as 2026-11-23 12:30:00") from None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=SHANGHAI)
    return StatementLine(
        kind=text("kind"),
        out_trade_no=text("out_trade_no"),
        transaction_id=text("transaction_id"),
        amount=fen("amount"),
        currency=text("currency") or CNY,
        state=text("state") or "SUCCESS",
        at=aware.astimezone(UTC),
        fee=fen("fee") if text("fee") else 0,
        out_refund_no=text("out_refund_no"),
        refund_id=text("refund_id"),
        settlement_amount=fen("settlement_amount") if text("settlement_amount") else None,
        shared=fen("shared") if text("shared") else 0,
        out_order_no=text("out_order_no"),
    )
