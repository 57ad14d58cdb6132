"""Bills of any size: 50,000 lines in an ordinary run, a million with ``--soak``, in memory that does not grow."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.kernel.clock import SystemClock
from bot.storage.database import connect
from tests.payments.reconciliation import bulk

ROOT = Path(__file__).resolve().parents[3]
# One writer that waits for its disk is no engine for a large bill, so an ordinary run gives it a smaller one.
ORDINARY = {"postgresql": 50_000, "sqlite": 10_000}
FULL = {"postgresql": 1_000_000, "sqlite": 50_000}
# What steps of one size may need beside a bare parse, whatever the length of the bill. SQLite keeps pages of its own.
GROWTH_MIB = {"postgresql": 64, "sqlite": 128}


async def run(url: str, path: Path, count: int) -> dict[str, Any]:
    database = await connect(url, SystemClock())
    try:
        await bulk.fill(database, count)
    finally:
        await database.close()
    bulk.write(path, count)
    command = [sys.executable, "-m", "tests.payments.reconciliation.bulk", url, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=3_000)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def line(engine: str, told: dict[str, Any]) -> str:
    whole = told["intake"] + told["match"]
    lines = told["lines"]
    taken, compared, again = (f"{lines / told[name]:,.0f}" for name in ("intake", "match", "rerun"))
    grown = told["peak_mib"] - told["base_mib"]
    return (
        f"reconciliation: {lines:,} lines on {engine}: taken in at {taken} a second, compared both ways at {compared}, "
        f"again at {again}; {whole / told['parse']:.1f} times a bare parse ({lines / told['parse']:,.0f} a second); "
        f"peak {told['peak_mib']:.0f} MiB, {grown:.0f} above the parse"
    )


@pytest.mark.slow
@pytest.mark.timeout(3_600)
async def test_a_large_bill(database_url: str, tmp_path: Path, record_house: list[str], full_counts: bool) -> None:
    engine = "sqlite" if database_url.startswith("sqlite") else "postgresql"
    count = FULL[engine] if full_counts else ORDINARY[engine]
    told = await run(database_url, tmp_path / "bill.csv", count)
    record_house.append(line(engine, told))

    assert told["found"] == bulk.expected(count) and told["proved"] and told["same"]
    assert told["peak_mib"] - told["base_mib"] < GROWTH_MIB[engine]
