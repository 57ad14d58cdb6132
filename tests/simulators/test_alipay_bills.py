"""The bills of the Alipay simulator: true to its book, or wrong in exactly the places that it names."""

import io
import zipfile
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bot.simulators.alipay.bills import DISCREPANCIES
from bot.simulators.alipay.book import CHINA
from tests.simulators.alipay_rig import Rig, running
from tests.simulators.test_alipay_calls import CREATE, order, told

BILL = "alipay.data.dataservice.bill.downloadurl.query"


def today() -> str:
    return datetime.now(UTC).astimezone(CHINA).date().isoformat()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with running(faults_by_amount=False) as opened:
        yield opened


async def trades(rig: Rig, count: int) -> None:
    for number in range(count):
        await rig.call(CREATE, order(f"O{number}", f"{number + 1}.00"))
        await rig.pay(out_trade_no=f"O{number}")
    content = {"out_trade_no": "O0", "refund_amount": "0.40", "out_request_no": "B0"}
    await rig.call("alipay.trade.refund", content)


async def fetched(rig: Rig, kind: str = "trade") -> bytes:
    answer = told(await rig.call(BILL, {"bill_type": kind, "bill_date": today()}))
    async with rig.session.get(answer["bill_download_url"]) as response:
        assert response.status == 200
        return await response.read()


def tables(file: bytes) -> dict[str, str]:
    """The texts of a bill by name, both decoded as Alipay's documents say."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert not any(info.flag_bits & 0x800 for info in archive.infolist())
        names = {info: info.filename.encode("cp437").decode("gbk") for info in archive.infolist()}
        return {name: archive.read(info).decode("gbk") for info, name in names.items()}


def rows(file: bytes) -> list[list[str]]:
    (text,) = (text for name, text in tables(file).items() if "汇总" not in name)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [[value.strip() for value in line.split(",")] for line in lines[1:]]


async def test_a_bill_has_a_line_for_every_payment_and_refund(rig: Rig) -> None:
    await trades(rig, 3)
    found = rows(await fetched(rig))

    assert Counter(row[2] for row in found) == {"交易": 3, "退款": 1}
    (refund,) = (row for row in found if row[2] == "退款")
    assert (refund[1], refund[11], refund[21]) == ("O0", "-0.40", "B0")
    assert {len(row) for row in found} == {25}


async def test_the_flow_bill_ends_at_the_balance(rig: Rig) -> None:
    await trades(rig, 3)
    found = rows(await fetched(rig, "signcustomer"))

    moved = sum(round(float(row[6] or row[7]) * 100) for row in found)
    assert round(float(found[-1][8]) * 100) == moved == 600 - 40 - 4


async def test_there_is_no_bill_without_trades_nor_for_another_day(rig: Rig) -> None:
    nothing = told(await rig.call(BILL, {"bill_type": "trade", "bill_date": today()}))
    tomorrow = (datetime.now(UTC).astimezone(CHINA) + timedelta(days=1)).date().isoformat()
    late = told(await rig.call(BILL, {"bill_type": "trade", "bill_date": tomorrow}))

    assert nothing["sub_code"] == "isp.bill_not_exist"
    assert late["sub_code"] == "ACQ.INVALID_PARAMETER"


async def test_an_address_serves_for_its_time(rig: Rig) -> None:
    await trades(rig, 1)
    answer = told(await rig.call(BILL, {"bill_type": "trade", "bill_date": today()}))
    url = urlsplit(answer["bill_download_url"])
    async with rig.session.get(f"{rig.base}{url.path}?fileId=guessed") as response:
        assert response.status == 403


@pytest.mark.parametrize("kind", DISCREPANCIES)
async def test_each_discrepancy_is_planted_once_and_named(kind: str) -> None:
    async with (
        running(faults_by_amount=False) as honest,
        running(faults_by_amount=False, discrepancies=(kind,), seed=5) as wrong,
    ):
        await trades(honest, 4)
        await trades(wrong, 4)
        (planted,) = (await wrong.control("GET", f"discrepancies?day={today()}"))["planted"]
        true, spoilt = [Counter(_key(row) for row in rows(await fetched(each))) for each in (honest, wrong)]

    assert planted["kind"] == kind
    missing, extra = true - spoilt, spoilt - true
    assert sum(missing.values()) == (0 if kind in ("extra", "duplicate") else 1)
    assert sum(extra.values()) == (0 if kind in ("missing", "refund_missing") else 1)
    assert {key[0] for key in missing} <= {planted["out_trade_no"]}


async def test_discrepancies_are_the_same_each_time_and_never_on_one_line() -> None:
    async with running(faults_by_amount=False, discrepancies=DISCREPANCIES) as rig:
        await trades(rig, 6)
        seen = [(await rig.control("GET", f"discrepancies?day={today()}"))["planted"] for _ in range(2)]

    assert seen[0] == seen[1]
    numbers = [each["out_trade_no"] for each in seen[0]]
    assert len(set(numbers)) == len(numbers) >= 5


async def test_the_journal_names_every_movement(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    async with running(faults_by_amount=False, journal=str(journal)) as rig:
        await trades(rig, 2)
    text = journal.read_text()

    assert (text.count('"paid"'), text.count('"refunded"')) == (2, 1)


def _key(row: list[str]) -> tuple[Any, ...]:
    return (row[1], row[2], row[11], row[22])
