"""A profit-sharing bill tells what was given and what came back, by our numbers and by the platform's own."""

import gzip
from datetime import UTC, date, datetime

import pytest

from bot.gateways.wechatpay import sharebill
from bot.kernel.errors import GatewayTrouble
from bot.outside.http import Answer
from bot.payments.facts import StatementLine
from tests.gateways.wechatpay import bills
from tests.gateways.wechatpay.rig import ACCOUNT, WeChatPayRig

DAY = date(2026, 11, 22)
URL = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=abc"


def of(*lines: str) -> list[StatementLine]:
    return list(sharebill.read(bills.share_text(list(lines))))


def test_a_share_is_read_with_both_numbers() -> None:
    assert of(bills.share(7, DAY, fen=1_234)) == [
        StatementLine(
            kind="share",
            out_trade_no="",
            transaction_id=f"42000019{7:020d}",
            amount=1_234,
            currency="CNY",
            state="处理成功",
            at=datetime(2026, 11, 22, 4, 7, 10, tzinfo=UTC),
            refund_id=f"3601{7:021d}",
            vendor_state="分账",
            out_order_no=f"S{7:027d}",
        )
    ]


def test_a_return_is_known_by_the_number_of_the_return() -> None:
    (line,) = of(bills.share(3, DAY, kind="分账回退", to="1900000109"))

    assert (line.kind, line.out_order_no, line.refund_id) == ("share_returned", f"S{3:027d}", f"3008{3:024d}")


@pytest.mark.parametrize(("kind", "to"), [("解冻", "1900000777"), ("分账完结", "1900000777"), ("分账", "1900000109")])
def test_what_the_merchant_kept_is_no_share(kind: str, to: str) -> None:
    assert of(bills.share(1, DAY, kind=kind, to=to)) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("`分账,", "`转账,"),
        lambda text: text.replace("`1.00", "`1.0.0"),
        lambda text: text.replace("`2026-11-22 12", "`2026-13-22 12"),
        lambda text: text.replace("分账明细单号", "明细"),
        lambda text: text[: text.index("总笔数")],
    ],
)
def test_what_cannot_be_read_is_never_left_out(spoil: object) -> None:
    text = bills.share_text([bills.share(1, DAY)]).decode()
    assert callable(spoil)
    spoilt = spoil(text)
    assert spoilt != text

    with pytest.raises(GatewayTrouble):
        list(sharebill.read(spoilt.encode()))


async def test_trades_without_their_shares_are_no_bill() -> None:
    """Half a bill would make every share look like one that the gateway does not know."""
    rig = WeChatPayRig()
    text, _ = bills.bill(payments=1, refunds=0, day=DAY)
    named = {"hash_type": "SHA1", "hash_value": bills.sha1(text), "download_url": URL}
    rig.http.then(rig.answer(named), Answer(200, {}, gzip.compress(text)))
    rig.will_refuse(400, "STATEMENT_CREATING")

    with pytest.raises(GatewayTrouble):
        _ = [line async for line in rig.gateway.statement(ACCOUNT, DAY)]
