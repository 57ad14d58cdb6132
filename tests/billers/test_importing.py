"""Importing on both engines: what is kept, what is left alone, who did it, and how much memory that takes."""

import asyncio
import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.billers import keeping
from bot.billers.importing import BillImport, Report
from bot.billers.items import BillItem
from bot.billers.lines import Fault
from bot.billers.port import Found
from bot.kernel.clock import ManualClock
from bot.kernel.errors import BadRequest
from bot.payments import bills as payments
from bot.storage.port import Database
from bot.storage.vault import Vault
from tests.billers import samples, workbooks
from tests.billers.rig import HostedRig, look, seen
from tests.billers.samples import item, property_definition

HEADER = ("账单号", "房号", "户名", "账期", "费用名称", "金额", "截止日期", "面积")
ROOMS = item(property_definition())


def row(number: int = 1, **changes: str) -> list[str]:
    facts = {
        "账单号": f"WY{number:05d}",
        "房号": f"3-2-{number + 100}",
        "户名": "陈晓明",
        "账期": "2026-11",
        "费用名称": "物业服务费",
        "金额": "236.40",
        "截止日期": "2026-12-15",
        "面积": "98.5 平方米",
    }
    return list((facts | changes).values())


def write(
    path: Path, rows: Iterable[Sequence[str]], *, encoding: str = "utf-8", header: Sequence[str] = HEADER
) -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


@pytest.fixture
async def of(database: Database, clock: ManualClock) -> BillItem:
    await samples.put(database, clock, ROOMS)
    return ROOMS


@pytest.fixture
def bills(database: Database, keys: Vault, clock: ManualClock) -> BillImport:
    return BillImport(database, keys, clock)


async def run(bills: BillImport, of: BillItem, path: Path, *, dry_run: bool = False) -> Report:
    return await bills.run(path, of, actor="wang", dry_run=dry_run)


def counts(report: Report) -> tuple[int, int, int]:
    return report.accepted, report.unchanged, report.refused


async def stored(database: Database) -> list[Any]:
    return list(await database.rows("SELECT * FROM bills ORDER BY bill_no"))


async def audited(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    rows = await database.rows("SELECT actor, action, detail FROM audit ORDER BY seq")
    return [(row["actor"], row["action"], json.loads(row["detail"])) for row in rows]


# --- the four kinds of file ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["utf-8", "utf-8-sig", "gb18030", "xlsx"])
async def test_each_kind_of_file(
    database: Database, of: BillItem, bills: BillImport, tmp_path: Path, kind: str
) -> None:
    rows = [row(1), row(2, 房号="3栋2单元1203室", 户名="林 美华", 金额="1,236.40")]
    if kind == "xlsx":
        path = workbooks.of_texts(tmp_path / "bills.xlsx", [list(HEADER), *rows])
    else:
        path = write(tmp_path / "bills.csv", rows, encoding=kind)

    report = await run(bills, of, path)

    assert (counts(report), report.faults) == ((2, 0, 0), [])
    first, second = await stored(database)
    assert (first["bill_no"], first["amount"], first["period"], first["title"]) == (
        "WY00001",
        23_640,
        "2026-11",
        "物业服务费",
    )
    assert (first["due_on"], json.loads(first["detail"]), first["state"], first["paid"]) == (
        "2026-12-15",
        {"面积": "98.5 平方米"},
        "open",
        0,
    )
    assert (second["amount"], second["holder_mask"], second["account_mask"]) == (123_640, "**华", "****1203")


async def test_what_was_imported_is_found_by_its_owner_and_by_nobody_else(
    hosted: HostedRig, of: BillItem, bills: BillImport, tmp_path: Path
) -> None:
    await run(bills, of, write(tmp_path / "b.csv", [row(401, 户名="陈 晓明")]))

    (bill,) = await seen(hosted.biller, of, "3幢二单元501", owner="陈晓明")
    assert (bill.bill_no, bill.total, bill.detail) == ("WY00401", 23_640, {"面积": "98.5 平方米"})
    assert not isinstance(await look(hosted.biller, of, "3-2-501", owner="林美华"), Found)


async def test_no_account_and_no_name_lies_in_the_file(
    sqlite: Database, sqlite_url: str, clock: ManualClock, keys: Vault, tmp_path: Path
) -> None:
    await samples.put(sqlite, clock, ROOMS)
    line = [*row(1, 房号="77-7-7777", 户名="欧阳晓明"), "13800138000", "510100199001011234"]
    path = write(tmp_path / "bills.csv", [line], header=[*HEADER, "手机", "身份证号"])

    report = await run(BillImport(sqlite, keys, clock), ROOMS, path)
    await sqlite.close()

    assert counts(report) == (1, 0, 0)
    assert report.notes == ["未导入可能含个人信息的列：手机、身份证号"]
    kept = Path(sqlite_url.removeprefix("sqlite:///"))
    body = b"".join(part.read_bytes() for part in kept.parent.glob(f"{kept.name}*"))
    for secret in ("77-7-7777", "欧阳晓明", "13800138000", "510100199001011234"):
        assert secret.encode() not in body


# --- again, and changed ----------------------------------------------------------------------------------------------


async def test_the_same_file_again_changes_nothing(
    database: Database, of: BillItem, bills: BillImport, clock: ManualClock, tmp_path: Path
) -> None:
    path = write(tmp_path / "b.csv", [row(number) for number in range(5)])
    await run(bills, of, path)
    before = [dict(each) for each in await stored(database)]
    clock.advance(60)

    report = await run(bills, of, path)

    assert counts(report) == (0, 5, 0)
    assert [dict(each) for each in await stored(database)] == before


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("房号", "3-2-999"),
        ("户名", "林美华"),
        ("账期", "2026-12"),
        ("费用名称", "停车费"),
        ("金额", "300"),
        ("截止日期", "2026-12-31"),
        ("面积", "99 平方米"),
    ],
)
async def test_every_change_of_an_open_bill_is_taken(
    database: Database, of: BillItem, bills: BillImport, tmp_path: Path, column: str, value: str
) -> None:
    await run(bills, of, write(tmp_path / "a.csv", [row(1)]))
    (before,) = await stored(database)

    report = await run(bills, of, write(tmp_path / "b.csv", [row(1, **{column: value})]))

    (after,) = await stored(database)
    assert counts(report) == (1, 0, 0)
    assert after["id"] == before["id"]
    changed = {name for name in dict(after) if after[name] != before[name]} - {"account_sealed", "changed_at"}
    assert (
        changed
        == {
            "房号": {"account_hash", "account_mask", "holder_hash"},
            "户名": {"holder_hash", "holder_mask"},
            "账期": {"period"},
            "费用名称": {"title"},
            "金额": {"amount"},
            "截止日期": {"due_on"},
            "面积": {"detail"},
        }[column]
    )


async def test_what_somebody_pays_or_has_paid_stays_as_it_is(
    database: Database, of: BillItem, bills: BillImport, tmp_path: Path
) -> None:
    states = ["open", "held", "partly_paid", "paid", "settled", "reopened", "withdrawn", "superseded", "paid_elsewhere"]
    await run(bills, of, write(tmp_path / "a.csv", [row(number) for number in range(len(states))]))
    for number, state in enumerate(states):
        paid = 100 if state in ("partly_paid", "paid", "settled") else 0
        sql = "UPDATE bills SET state = $2, paid = $3 WHERE bill_no = $1"
        await database.effect(
            lambda tx, sql=sql, values=(f"WY{number:05d}", state, paid): tx.execute(sql, *values)  # type: ignore[misc]
        )

    report = await run(bills, of, write(tmp_path / "b.csv", [row(n, 金额="999") for n in range(len(states))]))

    assert counts(report) == (2, 0, 7)
    taken = [each["state"] for each in await stored(database) if each["amount"] == 99_900]
    assert taken == ["open", "reopened"], "of the second all money was given back"
    assert {fault.line for fault in report.faults} == {3, 4, 5, 6, 8, 9, 10}
    assert report.faults[0].problem == "账单 WY00001 付款中"
    assert all(fault.remedy for fault in report.faults)


async def test_a_bill_of_which_a_part_was_given_back_stays_too(
    database: Database, of: BillItem, bills: BillImport, tmp_path: Path
) -> None:
    await run(bills, of, write(tmp_path / "a.csv", [row(1)]))
    await database.effect(lambda tx: tx.execute("UPDATE bills SET state = 'reopened', paid = 100"))

    report = await run(bills, of, write(tmp_path / "b.csv", [row(1, 金额="0.50")]))

    assert counts(report) == (0, 0, 1)
    assert (await stored(database))[0]["amount"] == 23_640


async def test_an_order_that_takes_a_bill_during_the_import_wins(
    database: Database, of: BillItem, bills: BillImport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the bill and its change somebody began to pay it: what was quoted stays."""
    await run(bills, of, write(tmp_path / "a.csv", [row(1)]))
    await database.effect(lambda tx: tx.execute("UPDATE bills SET state = 'held', held_by = 'ord_1'"))
    looked_too_early = "SELECT * FROM bills WHERE item_id = $1 AND bill_no = 'none' AND "
    unseen = {"sqlite": looked_too_early + "$2 IS NULL", "postgresql": looked_too_early + "$2::text[] IS NULL"}
    monkeypatch.setattr(keeping, "_STANDING", unseen)

    report = await run(bills, of, write(tmp_path / "b.csv", [row(1, 金额="999")]))

    assert counts(report) == (0, 0, 1)
    assert "付款中" in report.faults[0].problem
    assert (await stored(database))[0]["amount"] == 23_640


async def test_a_payment_and_an_import_of_one_bill_at_once(
    database: Database, of: BillItem, bills: BillImport, clock: ManualClock, tmp_path: Path
) -> None:
    """Whoever comes first, the order holds exactly what it was quoted."""
    path = write(tmp_path / "a.csv", [row(number) for number in range(20)])
    await run(bills, of, path)
    rows = await stored(database)
    changed = write(tmp_path / "b.csv", [row(number, 金额="999") for number in range(20)])

    async def hold(bill: Any) -> bool:
        return await database.effect(lambda tx: payments.hold(tx, bill["id"], "ord_1", bill["amount"], 0))

    importing_ = asyncio.create_task(run(bills, of, changed))
    held = await asyncio.gather(*(hold(each) for each in rows))
    report = await importing_

    after = {each["bill_no"]: each for each in await stored(database)}
    for bill, was_held in zip(rows, held, strict=True):
        now = after[bill["bill_no"]]
        assert (now["amount"], now["state"]) == ((23_640, "held") if was_held else (99_900, "open"))
    assert report.accepted + report.refused == 20
    assert report.refused == sum(held)


# --- bad lines, whole files ------------------------------------------------------------------------------------------


async def test_good_lines_are_kept_and_bad_ones_named(
    database: Database, of: BillItem, bills: BillImport, tmp_path: Path
) -> None:
    rows = [
        row(1),
        row(2, 金额="免费"),
        row(3),
        row(3),
        row(5, 户名=""),
        row(6, 房号="八角楼"),
        row(7, 费用名称="=1+1"),
    ]

    report = await run(bills, of, write(tmp_path / "b.csv", rows))

    assert counts(report) == (2, 0, 5)
    assert [fault.line for fault in report.faults] == [3, 5, 6, 7, 8]
    assert all(fault.problem and fault.remedy for fault in report.faults)
    assert [each["bill_no"] for each in await stored(database)] == ["WY00001", "WY00003"]


async def test_faults_come_in_the_order_of_lines(
    database: Database, of: BillItem, bills: BillImport, tmp_path: Path
) -> None:
    """Those that the file shows and those that only the database knows."""
    await run(bills, of, write(tmp_path / "a.csv", [row(2)]))
    await database.effect(lambda tx: tx.execute("UPDATE bills SET state = 'withdrawn'"))

    report = await run(bills, of, write(tmp_path / "b.csv", [row(1, 金额="x"), row(2, 金额="5"), row(3, 金额="y")]))

    assert [fault.line for fault in report.faults] == [2, 3, 4]


async def test_a_thousand_faults_are_enough_and_all_are_counted(
    of: BillItem, bills: BillImport, tmp_path: Path
) -> None:
    report = await run(bills, of, write(tmp_path / "b.csv", [row(n, 金额="x") for n in range(1_100)]), dry_run=True)

    assert (report.refused, len(report.faults), report.lines) == (1_100, 1_000, 1_100)


async def test_a_file_that_breaks_off_keeps_what_came_before_and_says_where(
    database: Database, of: BillItem, bills: BillImport, tmp_path: Path
) -> None:
    path = write(tmp_path / "b.csv", [row(number) for number in range(600)], encoding="gb18030")
    path.write_bytes(path.read_bytes() + b"\xff\xff\n")

    report = await run(bills, of, path)

    assert report.accepted == len(await stored(database)) > 0
    assert report.faults[-1].problem == "从这一行起无法读取"
    assert (await audited(database))[-1][1] == "bills.imported"


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"biller": "power"}, "item_without_bills"), ({"definition": samples.meal_definition()}, "item_without_bills")],
)
async def test_an_item_that_keeps_no_bills(
    database: Database, bills: BillImport, tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(BadRequest, match=code):
        await run(bills, ROOMS.model_copy(update=changes), write(tmp_path / "b.csv", [row(1)]))
    assert await audited(database) == []


async def test_a_file_without_columns_leaves_no_trace(
    database: Database, of: BillItem, bills: BillImport, tmp_path: Path
) -> None:
    with pytest.raises(BadRequest, match="columns_missing"):
        await run(bills, of, write(tmp_path / "b.csv", [], header=["姓名", "电话"]))
    assert await audited(database) == []


# --- dry runs and records --------------------------------------------------------------------------------------------


async def test_a_dry_run_tells_the_same_and_keeps_nothing(
    database: Database, of: BillItem, bills: BillImport, tmp_path: Path
) -> None:
    await run(bills, of, write(tmp_path / "a.csv", [row(1), row(2)]))
    path = write(
        tmp_path / "b.csv", [row(1), row(2, 金额="5"), *(row(n) for n in range(3, 1_000)), row(9), row(0, 金额="x")]
    )
    before, audit = [dict(each) for each in await stored(database)], await audited(database)

    dry = await run(bills, of, path, dry_run=True)

    assert [dict(each) for each in await stored(database)] == before
    assert await audited(database) == audit
    assert counts(dry) == (998, 1, 2)
    assert counts(await run(bills, of, path)) == counts(dry)


async def test_who_imported_what(database: Database, of: BillItem, bills: BillImport, tmp_path: Path) -> None:
    await run(bills, of, write(tmp_path / "b.csv", [row(1), row(2, 金额="x")]))

    begun, ended = await audited(database)
    assert begun[:2] == ("wang", "bills.import_begun")
    assert ended[:2] == ("wang", "bills.imported")
    assert begun[2]["file"] == ended[2]["file"]
    assert {name: ended[2][name] for name in ("accepted", "unchanged", "refused")} == {
        "accepted": 1,
        "unchanged": 0,
        "refused": 1,
    }
    (note,) = await database.rows("SELECT * FROM imports")
    assert (note["item_id"], note["actor"], note["accepted"], note["refused"]) == (of.id, "wang", 1, 1)
    assert note["file_digest"] == begun[2]["file"]


async def test_an_import_that_is_cut_off_has_a_name_and_is_finished_by_the_next(
    database: Database, of: BillItem, bills: BillImport, tmp_path: Path
) -> None:
    path = write(tmp_path / "b.csv", [row(number) for number in range(1_200)])

    class Enough(Exception):
        """The operator pulls the plug."""

    def pull(report: Report) -> None:
        raise Enough

    with pytest.raises(Enough):
        await bills.run(path, of, actor="wang", dry_run=False, progress=pull)
    kept = len(await stored(database))

    assert 0 < kept < 1_200
    assert [(actor, action) for actor, action, _ in await audited(database)] == [("wang", "bills.import_begun")]
    assert counts(await run(bills, of, path)) == (1_200 - kept, kept, 0)


async def test_a_cancelled_import_leaves_no_thread_at_its_files(
    database: Database, of: BillItem, bills: BillImport, tmp_path: Path
) -> None:
    path = write(tmp_path / "b.csv", [row(number) for number in range(3_000)])
    importing_ = asyncio.create_task(run(bills, of, path))
    await asyncio.sleep(0.05)
    importing_.cancel()

    with pytest.raises(asyncio.CancelledError):
        await importing_
    assert (await run(bills, of, path)).lines == 3_000


async def test_progress_is_told_after_each_batch(of: BillItem, bills: BillImport, tmp_path: Path) -> None:
    told: list[int] = []
    path = write(tmp_path / "b.csv", [row(number) for number in range(1_200)])

    await bills.run(path, of, actor="wang", dry_run=True, progress=lambda report: told.append(report.lines))

    assert told == [500, 1_000, 1_200]


async def test_the_loop_runs_on_beside_an_import(
    sqlite: Database, clock: ManualClock, keys: Vault, tmp_path: Path
) -> None:
    """In a console of the web process nobody else waits for a file."""
    await samples.put(sqlite, clock, ROOMS)
    path = write(tmp_path / "b.csv", [row(number) for number in range(2_000)])
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(others())
    await run(BillImport(sqlite, keys, clock), ROOMS, path)
    beside.cancel()

    assert turns > 100


def test_reports_are_values_of_their_own() -> None:
    """A list that two reports shared would mix the faults of two imports."""
    one, other = Report(), Report()
    one.refuse(Fault(1, "x", "y"))

    assert other.faults == []
