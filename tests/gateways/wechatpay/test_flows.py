"""Every movement of the account is read with its sign, and a bill that does not add up is refused."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateways.wechatpay import flows
from bot.kernel.errors import GatewayTrouble
from bot.payments.faculties import FlowLine
from tests.gateways.wechatpay import bills
from tests.gateways.wechatpay.faculties import URL, WeChatPayFaculties
from tests.gateways.wechatpay.rig import ACCOUNT

DAY = date(2026, 11, 22)


def of(*movements: tuple[str, str, int], note: str = "") -> list[FlowLine]:
    """Read a bill of these movements: 业务名称, 业务类型, fen."""
    lines = [bills.movement(number, DAY, *movement, note=note) for number, movement in enumerate(movements)]
    return list(flows.read(bills.flow_text(lines, [fen for _, _, fen in movements])))


def test_a_movement_is_read() -> None:
    assert of(("交易", "扣除交易手续费", -60), note="手续费0.60%") == [
        FlowLine(
            at=datetime(2026, 11, 22, 3, 0, 9, tzinfo=UTC),
            flow_no=f"1900000109{0:022d}",
            transaction_id=f"42000019{0:020d}",
            kind="fee",
            amount=-60,
            balance=0,
            vendor_kind="交易/扣除交易手续费",
            note="手续费0.60%",
            reference=f"T{0:027d}",
        )
    ]


def test_each_kind_is_told_by_type_and_direction() -> None:
    read = of(*((name, kind, fen) for name, kind, fen, _ in bills.MOVEMENTS))

    assert [(line.kind, line.amount) for line in read] == [(ours, fen) for _, _, fen, ours in bills.MOVEMENTS]


@given(st.sampled_from(sorted(flows.KINDS)), st.integers(1, 10_000_000))
def test_money_in_is_positive_and_money_out_negative(kind: tuple[str, str], fen: int) -> None:
    (line,) = of(("任意", kind[0], fen if kind[1] == "收入" else -fen))

    assert line.kind == flows.KINDS[kind]
    assert line.amount == (fen if kind[1] == "收入" else -fen)


def test_a_kind_with_the_wrong_direction_is_other() -> None:
    """A refund that brings money in is nothing that we know."""
    assert [line.kind for line in of(("退款", "退款", 5), ("交易", "交易", -5), ("提现", "提现", 5))] == ["other"] * 3


def test_a_note_cannot_shift_the_reference() -> None:
    for note in ("退款,含手续费", "a,`9999.00,`b", '"', ",`,`,`"):
        (line,) = of(("退款", "退款", -5), note=note)

        assert (line.amount, line.reference) == (-5, f"T{0:027d}")


@pytest.mark.parametrize(("text", "fen"), [("-1.05", -105), ("", None), ("/", None), ("7", 700)])
def test_a_balance_may_be_overdrawn_or_absent(text: str, fen: int | None) -> None:
    line = bills.movement(1, DAY, "交易", "交易", 5).replace("`0.00,`system", f"`{text},`system")
    (read,) = flows.read(bills.flow_text([line], [5]))

    assert read.balance == fen


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("`收入".encode(), "`转移".encode(), 1),
        lambda text: text.replace("收支类型".encode(), "别的".encode(), 1),
        lambda text: text.replace(b"`100.00,`100.00", b"`100.01,`100.00", 1),
        lambda text: text.replace(b"`9,`4,", b"`9,`5,", 1),
        lambda text: text.replace(b"`100.00,`100.00", b"`-100.00,`100.00", 1),
    ],
    ids=["direction", "column", "amount", "count", "signed"],
)
def test_a_bill_in_another_form_or_that_does_not_add_up_is_refused(spoil: object) -> None:
    assert callable(spoil)
    text = bills.flow_bill(DAY)
    spoiled = spoil(text)
    assert spoiled != text

    with pytest.raises(GatewayTrouble):
        list(flows.read(spoiled))


async def test_the_basic_account_is_asked_for() -> None:
    rig = WeChatPayFaculties()
    rig.will_give_flows(DAY)
    assert rig.gateway.flows is not None
    lines = [line async for line in rig.gateway.flows.lines(ACCOUNT, DAY)]

    assert len(lines) == len(bills.MOVEMENTS)
    assert [sent.target for sent in rig.http.sent] == [
        "/v3/bill/fundflowbill?bill_date=2026-11-22&account_type=BASIC&tar_type=GZIP",
        URL.removeprefix("https://api.mch.weixin.qq.com"),
    ]
