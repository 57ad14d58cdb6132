"""A bill is proven before its first line is given out, adds up, and is read in constant memory."""

import gc
import gzip
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from bot.gateways.wechatpay import billfile, statement
from bot.kernel.errors import GatewayTrouble
from bot.outside.http import Answer
from bot.payments.facts import StatementLine
from tests.gateways.wechatpay import bills, platform
from tests.gateways.wechatpay.rig import ACCOUNT, WeChatPayRig

DAY = date(2026, 11, 22)
URL = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=abc"
MANY = 50_000


def of(*lines: str, count: int | None = None, paid: int = 0, refunded: int = 0) -> list[StatementLine]:
    """Read a bill of these lines."""
    return list(statement.read(bills.text(list(lines), len(lines) if count is None else count, paid, refunded)))


async def fetched(rig: WeChatPayRig) -> list[StatementLine]:
    return [line async for line in rig.gateway.statement(ACCOUNT, DAY)]


def script(rig: WeChatPayRig, file: bytes, text: bytes, **changes: str) -> None:
    named = {"hash_type": "SHA1", "hash_value": bills.sha1(text), "download_url": URL, **changes}
    rig.http.then(rig.answer(named), Answer(200, {}, file))


def test_a_payment_line_is_read() -> None:
    assert of(bills.payment(7, DAY, fen=12_345, fee="74.07000"), paid=12_345) == [
        StatementLine(
            kind="payment",
            out_trade_no=f"T{7:027d}",
            transaction_id=f"42000019{7:020d}",
            amount=12_345,
            currency="CNY",
            state="SUCCESS",
            at=datetime(2026, 11, 22, 1, 7, 7, tzinfo=UTC),
            fee=7407,
            settlement_amount=12_345,
            vendor_state="SUCCESS",
        )
    ]


def test_a_refund_line_is_read_with_both_numbers_and_its_own_state() -> None:
    (line,) = of(bills.refund(3, DAY, fen=50, fee="-0.30000", state="PROCESSING"), refunded=50)

    assert (line.kind, line.amount, line.state, line.fee) == ("refund", 50, "PROCESSING", -30)
    assert (line.out_refund_no, line.refund_id) == (f"R{3:027d}", f"5000000{3:020d}")
    assert (line.vendor_state, line.settlement_amount) == ("REFUND", 50)


def test_a_trade_that_was_reversed_is_listed_as_going_back() -> None:
    """It is no refund that we made, so reconciliation must be able to tell it from one."""
    reversed_line = bills.refund(3, DAY).replace("`REFUND,", "`REVOKED,")
    (line,) = of(reversed_line, refunded=50)

    assert (line.kind, line.state, line.vendor_state) == ("reversal", "REVOKED", "REVOKED")
    assert (line.amount, line.settlement_amount) == (50, None)


def test_a_reversal_without_numbers_and_with_the_order_amount_alone_is_read() -> None:
    reversed_line = bills.payment(3, DAY).replace("`SUCCESS,", "`REVOKED,")
    (line,) = of(reversed_line, paid=100)

    assert (line.kind, line.amount, line.out_refund_no, line.refund_id) == ("reversal", 100, "", "")


@pytest.mark.parametrize(
    ("fee", "fen"), [("0.00600", 1), ("0.00499", 0), ("0.00500", 1), ("-0.00500", -1), ("0", 0), ("12.30000", 1230)]
)
def test_a_fee_of_five_decimals_is_rounded_half_up(fee: str, fen: int) -> None:
    (line,) = of(bills.payment(1, DAY, fee=fee), paid=100)

    assert line.fee == fen


def test_a_products_name_cannot_shift_the_amounts() -> None:
    """Names may hold commas, quotes and the very characters that separate values."""
    for goods in ("水费,电费", "a,`9999.00,`0.00,`b", '"quoted"', "`", ",`,`,`,`", "\u2028"):
        (line,) = of(bills.payment(1, DAY, goods=goods), paid=100)

        assert (line.amount, line.fee) == (100, 1)


def test_a_bill_of_successes_has_fewer_columns() -> None:
    gone = {"微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "申请退款金额"}
    names = bills.COLUMNS.split(",")
    values = bills.payment(1, DAY)[1:].split(",`")
    kept = [at for at, name in enumerate(names) if name not in gone]
    text = "\n".join(
        [
            "\ufeff" + ",".join(names[at] for at in kept),
            bills.line(*(values[at] for at in kept)),
            "总交易单数,应结订单总金额,手续费总金额,订单总金额",
            "`1.0,`1.00,`0.01,`1.00",
        ]
    )
    (line,) = statement.read(text.encode())

    assert (line.amount, line.fee, line.out_refund_no) == (100, 1, "")


def test_an_older_bill_without_order_amounts_falls_back_to_the_settled_ones() -> None:
    text = bills.text([bills.payment(1, DAY)], 1, 100, 0).decode()
    older = text.replace(",订单金额,", ",别的,").replace("订单总金额,申请", "别的,申请")
    (line,) = statement.read(older.encode())

    assert line.amount == 100


@pytest.mark.parametrize(
    ("lines", "count", "paid", "refunded"),
    [
        ([bills.payment(1, DAY)], 2, 100, 0),
        ([bills.payment(1, DAY)], 1, 101, 0),
        ([bills.payment(1, DAY), bills.refund(1, DAY)], 2, 100, 49),
        ([], 1, 0, 0),
    ],
)
def test_a_bill_that_does_not_add_up_is_refused(lines: list[str], count: int, paid: int, refunded: int) -> None:
    with pytest.raises(GatewayTrouble, match="differs"):
        of(*lines, count=count, paid=paid, refunded=refunded)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: b"",
        lambda text: text[: text.rindex("总交易单数".encode())],
        lambda text: text[: text.rindex(b"\n`")] + b"\n",
        lambda text: text.replace("商户订单号".encode(), "别的".encode(), 1),
        lambda text: text.replace(b"`JSAPI,`SUCCESS", b"`JSAPI,`TELEPORTED"),
        lambda text: text.replace(b",`1.00,`0.00,`\r", b",`1.005,`0.00,`\r"),
        lambda text: text.replace(b",`1.00,`0.00,`\r", b",`1e2,`0.00,`\r"),
        lambda text: text.replace(b",`1.00,`0.00,`\r", b",`\xef\xbc\x91.00,`0.00,`\r"),
        lambda text: text.replace(b"`2026-11-22 09", b"`2026-11-32 09"),
        lambda text: text.replace(b"`2026-11-22 09", b"2026-11-22 09"),
        lambda text: text.replace(b",`CMB_DEBIT,`CNY", b""),
        lambda text: text.replace(b"oPayer", b"o" * 20_000),
    ],
)
def test_a_bill_in_another_form_is_refused(spoil: object) -> None:
    text = bills.text([bills.payment(1, DAY)], 1, 100, 0)
    assert callable(spoil)
    spoiled = spoil(text)
    assert spoiled != text

    with pytest.raises(GatewayTrouble):
        list(statement.read(spoiled))


async def test_a_bill_is_asked_for_and_proven() -> None:
    rig, (text, count) = WeChatPayRig(), bills.bill(payments=3, refunds=2, day=DAY)
    script(rig, gzip.compress(text), text)
    rig.will_refuse(400, "NO_STATEMENT_EXIST")

    assert len(await fetched(rig)) == count
    assert [sent.target for sent in rig.http.sent] == [
        "/v3/bill/tradebill?bill_date=2026-11-22&bill_type=ALL&tar_type=GZIP",
        "/v3/billdownload/file?token=abc",
        "/v3/profitsharing/bills?bill_date=2026-11-22&tar_type=GZIP",
    ]
    assert rig.http.sent[1].limit == billfile.FILE_MAX


async def test_a_bill_that_comes_unpacked_is_read_as_well() -> None:
    rig, (text, count) = WeChatPayRig(), bills.bill(payments=3, refunds=2, day=DAY)
    script(rig, text, text, hash_value=bills.sha1(text).upper())
    rig.will_refuse(403, "NO_AUTH")

    assert len(await fetched(rig)) == count


@pytest.mark.parametrize("spoil", ["other", "longer", "truncated", "no_gzip", "hash_of_packed", "short_hash"])
async def test_no_line_of_an_unproven_file_is_given_out(spoil: str) -> None:
    rig, (text, _) = WeChatPayRig(), bills.bill(payments=3, refunds=0, day=DAY)
    packed = gzip.compress(text)
    files = {
        "other": gzip.compress(text.replace(b"`1.00", b"`9.00")),
        "longer": gzip.compress(text + b"\n"),
        "truncated": packed[:-20],
        "no_gzip": b"\x1f\x8b" + b"\x00" * 40,
    }
    changes = {
        "hash_of_packed": {"hash_value": bills.sha1(packed)},
        "short_hash": {"hash_value": bills.sha1(text)[:39]},
    }
    script(rig, files.get(spoil, packed), text, **changes.get(spoil, {}))
    seen: list[StatementLine] = []
    with pytest.raises(GatewayTrouble):
        async for line in rig.gateway.statement(ACCOUNT, DAY):
            seen.append(line)  # noqa: PERF401  # What was given out before the refusal is the point.

    assert seen == []


async def test_a_day_without_trades_has_no_lines() -> None:
    rig = WeChatPayRig()
    for _ in ("trades", "shares"):
        rig.will_refuse(400, "NO_STATEMENT_EXIST")

    assert await fetched(rig) == []


@pytest.mark.parametrize("how", ["creating", "silent", "unsigned", "foreign", "no_hash", "gone"])
async def test_a_bill_that_cannot_be_had_now_is_trouble_and_not_an_empty_day(how: str) -> None:
    rig = WeChatPayRig()
    good = {"hash_type": "SHA1", "hash_value": "0" * 40, "download_url": URL}
    match how:
        case "creating":
            rig.will_refuse(400, "STATEMENT_CREATING")
        case "silent":
            rig.will_be_silent()
        case "unsigned":
            rig.http.then(platform.answer(None, platform.NOW, good))
        case "foreign":
            rig.http.then(rig.answer({**good, "download_url": "https://evil.example/bill"}))
        case "no_hash":
            rig.http.then(rig.answer({**good, "hash_type": "MD5"}))
        case "gone":
            rig.http.then(rig.answer(good), Answer(404, {}, b""))

    with pytest.raises(GatewayTrouble) as trouble:
        await fetched(rig)
    assert trouble.value.retryable


def test_a_file_that_inflates_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(billfile, "TEXT_MAX", 1 << 20)

    with pytest.raises(GatewayTrouble, match="too_large"):
        billfile.prove(gzip.compress(b"0" * (2 << 20)), "0" * 40)


def _many() -> Iterator[str]:
    for number in range(MANY - 100):
        yield bills.payment(number, DAY)
    for number in range(100):
        yield bills.refund(number, DAY)


def test_fifty_thousand_lines_are_read_in_constant_memory() -> None:
    """Small objects are counted all the way, and every byte over the proof and the last lines, for tracing is slow."""
    text = bills.text(_many(), MANY, (MANY - 100) * 100, 100 * 50)
    file, digest, size = gzip.compress(text, 1), bills.sha1(text), len(text)
    del text
    count = paid = 0
    blocks: list[int] = []
    gc.collect()
    try:
        tracemalloc.start()
        billfile.prove(file, digest)
        proving = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        for line in statement.read(file):
            count += 1
            paid += line.amount if line.kind == "payment" else 0
            if count % 5_000 == 0:
                blocks.append(sys.getallocatedblocks())
            if count == MANY - 1_000:
                tracemalloc.start()
        reading = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert (count, paid) == (MANY, (MANY - 100) * 100)
    assert size > 10_000_000
    assert blocks[-1] - blocks[0] < 500
    assert max(proving, reading) < 1_000_000
