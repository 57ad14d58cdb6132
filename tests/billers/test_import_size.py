"""Imports of any size and of any content: customers find what billers wrote, in memory that does not grow."""

import random
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.billers.catalogue import Catalogue
from bot.billers.importing import BillImport
from bot.kernel.clock import ManualClock
from bot.kernel.money import format_yuan
from bot.storage.database import connect
from bot.storage.port import Database
from bot.storage.vault import Vault
from tests.billers import samples, workbooks
from tests.billers.rig import HostedRig, seen
from tests.billers.samples import item, property_definition
from tests.billers.test_importing import HEADER, ROOMS, counts, row, run, write

# --- a round trip ----------------------------------------------------------------------------------------------------

names = st.text(st.sampled_from("陈晓明林美华王建国买提艾力"), min_size=2, max_size=6)
facts = st.fixed_dictionaries(
    {
        "房号": st.builds("{}-{}-{}".format, st.integers(1, 99), st.integers(1, 9), st.integers(100, 3_999)),
        "户名": names,
        "账期": st.dates().map(lambda day: f"{day:%Y-%m}" if day.year > 999 else ""),
        "金额": st.integers(1, 10**9).map(format_yuan),
        "截止日期": st.dates().map(str) | st.just(""),
        "面积": st.text(st.sampled_from("0123456789.平方米 ㎡,\"'"), max_size=10).map(str.strip),
    }
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(facts, min_size=1, max_size=8), encoding=st.sampled_from(["utf-8-sig", "gb18030"]))
async def test_what_a_biller_writes_its_customers_find(
    tmp_path: Path, sqlite_template: Path, lines: list[dict[str, str]], encoding: str
) -> None:
    clock, keys = ManualClock(samples.START), samples.vault()
    target = tmp_path / f"{random.getrandbits(64):x}.db"
    target.write_bytes(sqlite_template.read_bytes())
    database = await connect(f"sqlite:///{target}", clock)
    try:
        plain = item(property_definition(late_fee=None))
        await samples.put(database, clock, plain)
        rows = [row(number, **line) for number, line in enumerate(lines)]

        report = await run(BillImport(database, keys, clock), plain, write(tmp_path / "b.csv", rows, encoding=encoding))

        assert counts(report) == (len(lines), 0, 0), report.faults
        rig = HostedRig.over(database, clock, keys, Catalogue(database, clock))
        for number, line in enumerate(lines):
            found = await seen(rig.biller, plain, line["房号"], owner=line["户名"])
            bill = next(each for each in found if each.bill_no == f"WY{number:05d}")
            assert (format_yuan(bill.total), bill.period or "", str(bill.due_on or "")) == (
                line["金额"],
                line["账期"],
                line["截止日期"],
            )
    finally:
        await database.close()
        target.unlink()


# --- size ------------------------------------------------------------------------------------------------------------


def many(path: Path, count: int, kind: str) -> Path:
    rows = (row(number, 房号=f"{number % 97 + 1}-{number % 5 + 1}-{number % 40 + 101}") for number in range(count))
    if kind == "xlsx":
        return workbooks.of_texts(path / f"{count}.xlsx", [list(HEADER), *rows])
    return write(path / f"{count}.csv", rows, encoding="gb18030")


async def peak(database: Database, keys: Vault, clock: ManualClock, path: Path) -> int:
    tracemalloc.start()
    try:
        report = await BillImport(database, keys, clock).run(path, ROOMS, actor="wang", dry_run=True)
        assert report.refused == 0, report.faults[:3]
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_memory_does_not_grow_with_the_file(
    sqlite: Database, clock: ManualClock, keys: Vault, tmp_path: Path, kind: str
) -> None:
    await samples.put(sqlite, clock, ROOMS)
    small, great = (many(tmp_path, count, kind) for count in (1_000, 4_000))
    await peak(sqlite, keys, clock, small)

    assert await peak(sqlite, keys, clock, great) < await peak(sqlite, keys, clock, small) + (1 << 20)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_a_hundred_thousand_lines(
    database: Database,
    clock: ManualClock,
    keys: Vault,
    tmp_path: Path,
    kind: str,
    full_counts: bool,
    record_house: list[str],
) -> None:
    count = 100_000 if full_counts else 5_000
    await samples.put(database, clock, ROOMS)
    path = many(tmp_path, count, kind)
    began = time.monotonic()

    first = await BillImport(database, keys, clock).run(path, ROOMS, actor="wang", dry_run=False)

    speed = count / (time.monotonic() - began)
    assert counts(first) == (count, 0, 0)
    record_house.append(f"import: {count} lines of {kind} into {database.engine}, {speed:.0f} a second")
    again = await BillImport(database, keys, clock).run(path, ROOMS, actor="wang", dry_run=False)
    assert counts(again) == (0, count, 0)
