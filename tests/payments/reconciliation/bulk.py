"""Books and a bill of any size, and a measured run over them: a program of its own, so that its memory is its own."""

import asyncio
import csv
import json
import resource
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from bot.kernel.clock import ManualClock
from bot.payments.facts import StatementLine
from bot.payments.reconciliation import files
from bot.payments.reconciliation.room import Reconciliation
from bot.storage.database import connect
from bot.storage.port import Database, Tx
from tests.payments.reconciliation.bills import AGREED, DAY, MAIN, RATE, BillGateway, at
from tests.payments.world import build, populate

COLUMNS = ("kind", "out_trade_no", "transaction_id", "amount", "at", "fee")
AMOUNT = 1_234
# One in so many: told with another amount, not told, told and not ours. Primes, so that they seldom meet.
OTHER, UNTOLD, FOREIGN = 4_999, 5_003, 5_009
_STEP = 50_000
_SPAN_MICROS = 18 * 3_600 * 1_000_000

_ORDER = """
INSERT INTO orders (id, quote_id, token, merchant_id, scene, origin, title, amount, state, trace_id, created_at,
  expires_at, closed_at) VALUES ('ord_b', 'quo_b', 'tok_b', 'mer', 's', 'chat', 't', 1, 'closed', 'trc', 1, 1, 1)
"""
_CHARGES = {
    "postgresql": """
INSERT INTO charges (id, order_id, gateway, gateway_account, way, out_trade_no, amount, currency, state, request_sealed,
  transaction_id, settlement_amount, paid_at, trace_id, created_at, expires_at, changed_at)
SELECT 'chg_' || lpad(n::text, 12, '0'), 'ord_b', 'scripted', 'main', 'jsapi', 'T' || lpad(n::text, 27, '0'), $3, 'CNY',
  'paid', repeat('x', 400)::bytea, '4200' || lpad(n::text, 24, '0'), $3, $4 + n * $5, 'trc', $4, $4, $4
FROM generate_series($1::bigint, $2::bigint) AS n
""",
    "sqlite": """
INSERT INTO charges (id, order_id, gateway, gateway_account, way, out_trade_no, amount, currency, state, request_sealed,
  transaction_id, settlement_amount, paid_at, trace_id, created_at, expires_at, changed_at)
WITH RECURSIVE numbers(n) AS (SELECT $1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $2)
SELECT printf('chg_%012d', n), 'ord_b', 'scripted', 'main', 'jsapi', printf('T%027d', n), $3, 'CNY', 'paid',
  zeroblob(400), printf('4200%024d', n), $3, $4 + n * $5, 'trc', $4, $4, $4
FROM numbers
""",
}


def begin() -> int:
    return int(at("03:00:00").timestamp()) * 1_000_000


async def fill(database: Database, count: int) -> None:
    """Put so many paid charges into the books, spread over a day."""
    await database.effect(populate)
    await database.effect(lambda tx: tx.execute(_ORDER))
    for first in range(0, count, _STEP):
        last = min(first + _STEP, count) - 1
        values = (first, last, AMOUNT, begin(), _SPAN_MICROS // count)
        await database.effect(partial(_charges, values))
    if database.engine == "postgresql":
        await database.effect(lambda tx: tx.execute("ANALYZE charges"))


async def _charges(values: tuple[int, ...], tx: Tx) -> None:
    await tx.execute(_CHARGES[tx.engine], *values)


def write(path: Path, count: int) -> None:
    """Write the bill of those charges with a few discrepancies of each kind."""
    fee, step = RATE.of_payment(AMOUNT), _SPAN_MICROS // count
    moments: dict[int, str] = {}
    with path.open("w", newline="", encoding="utf-8") as text:
        rows = csv.writer(text)
        rows.writerow(COLUMNS)
        for number in range(count):
            second = (begin() + number * step) // 1_000_000
            if second not in moments:
                moments = {second: time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(second))}
            where = (f"T{number:027d}", f"4200{number:024d}")
            more = int(number % OTHER == 0)
            if number % UNTOLD:
                rows.writerow(("payment", *where, f"12.{34 + more}", moments[second], f"0.{fee:02d}"))
            if number % FOREIGN == 0:
                rows.writerow(("payment", f"X{number}", f"X{number}", "12.34", moments[second], f"0.{fee:02d}"))


def expected(count: int) -> dict[str, int]:
    numbers = range(count)
    untold = sum(1 for _ in numbers[::UNTOLD])
    return {
        "amount": sum(1 for number in numbers[::OTHER] if number % UNTOLD),
        "missing_at_gateway": untold,
        "missing_here": sum(1 for _ in numbers[::FOREIGN]),
    }


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measure(url: str, path: Path) -> dict[str, Any]:
    """Parse the file and nothing else, then take it in, compare it, and compare it again; return the figures."""
    clock = ManualClock(at("11:00:00", MAIN.later(1).day))
    database = await connect(url, clock)
    try:
        gateway = BillGateway(clock)
        gateway.flows = None
        room = Reconciliation(database, clock, build(database, clock, gateway=gateway).payments, AGREED)

        def bill() -> Any:
            return files.read(path)

        began = time.monotonic()
        lines = 0
        async for line in bill():
            assert isinstance(line, StatementLine)
            lines += 1
        parsed, base = time.monotonic() - began, peak_mib()
        began = time.monotonic()
        await room.store(MAIN, bill, "ann")
        taken = time.monotonic() - began
        began = time.monotonic()
        report = (await room.run(MAIN)).report
        matched = time.monotonic() - began
        began = time.monotonic()
        again = (await room.run(MAIN)).report
        rerun = time.monotonic() - began
        found = Counter({each.kind: each.count for each in report.counts})
        same = [each.count for each in again.counts] == [each.count for each in report.counts]
        return {
            "lines": lines,
            "parse": parsed,
            "intake": taken,
            "match": matched,
            "rerun": rerun,
            "base_mib": base,
            "peak_mib": peak_mib(),
            "found": dict(found),
            "proved": report.proved,
            "same": same,
            "day": DAY.isoformat(),
        }
    finally:
        await database.close()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(measure(sys.argv[1], Path(sys.argv[2])))) + "\n")
