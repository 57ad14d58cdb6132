"""A receipt shows what its holder may see, follows the order's fate, and proves itself by its code."""

import pytest

from bot.billers.port import Refused, Settled
from bot.billers.proofs import Voucher
from bot.kernel.errors import NotFound
from bot.payments.receipts import Receipts
from tests.payments.world import SECRET, World


async def test_a_receipt_shows_the_payment_the_payee_and_the_state_of_each_line(world: World) -> None:
    bill = await world.bill(10_000, late_fee=50)
    order = await world.paid(world.rent(bill), world.power("E1"))
    world.biller.script("settle", Refused("closed"))
    await world.payments.fulfilment.fulfil_line(order.lines[0].id)
    await world.payments.fulfilment.fulfil_line(order.lines[1].id)

    receipt = await world.payments.receipts.of_order(order.id)

    charge = (await world.charges(order))[0]
    assert (receipt.payee, receipt.amount, receipt.amount_yuan) == ("阳光物业服务有限公司", 22_900, "229.00")
    assert (receipt.out_trade_no, receipt.transaction_tail) == (charge.out_trade_no, charge.out_trade_no[-8:])
    assert (receipt.paid_at, receipt.token, receipt.gateway) == (order.paid_at, order.token, "scripted")
    assert receipt.number == f"20261123{order.id[-12:]}"
    rent, power = receipt.lines
    assert (rent.account_mask, rent.late_fee, rent.state, rent.refusal) == ("****0101", 50, "refused", "closed")
    assert (power.state, power.biller_ref, power.bill_no) == ("settled", f"ref-{order.lines[1].id}", "E1")
    assert not receipt.settled
    assert "1-101" not in repr(receipt)
    assert "openid" not in repr(receipt)


async def test_a_receipt_follows_refunds(world: World) -> None:
    order = await world.settled()
    before = await world.payments.receipts.of_order(order.id)
    assert (before.settled, before.refunded, before.refunds) == (True, 0, ())

    refund = await world.refund(order)
    under_way = await world.payments.receipts.of_order(order.id)
    await world.work_off()
    after = await world.payments.receipts.of_order(order.id)

    assert (under_way.refunded, [entry.state for entry in under_way.refunds]) == (0, ["approved"])
    assert (after.refunded, after.refunds[0].out_refund_no) == (3_500, refund.out_refund_no)
    assert before.code == under_way.code == after.code


async def test_the_code_belongs_to_one_order_and_one_secret(world: World) -> None:
    order, other = await world.paid(), await world.paid()
    receipts = world.payments.receipts
    code = (await receipts.of_order(order.id)).code

    assert len(code) == 16
    assert await receipts.verify(order.id, code)
    assert await receipts.verify(order.id, f" {code[:4].lower()}-{code[4:]} ")
    assert not await receipts.verify(other.id, code)
    assert not await receipts.verify(order.id, code[:-1] + ("A" if code[-1] != "A" else "B"))
    assert not await receipts.verify(order.id, "")
    assert not await receipts.verify(order.id, "收据")
    assert not await receipts.verify("ord_none", code)
    stranger = Receipts(world.database, SECRET[::-1].encode())
    assert not await stranger.verify(order.id, code)


async def test_nothing_unpaid_has_a_receipt(world: World) -> None:
    order = await world.order()

    with pytest.raises(NotFound, match="order_unpaid"):
        await world.payments.receipts.of_order(order.id)
    with pytest.raises(NotFound, match="order_unknown"):
        await world.payments.receipts.of_order("ord_none")
    with pytest.raises(ValueError, match="secret"):
        Receipts(world.database, b"short")


async def test_a_receipt_shows_what_the_biller_gave_to_show(world: World) -> None:
    order = await world.paid()
    voucher = Voucher.new()
    world.biller.script("settle", Settled(voucher.ref))
    await world.payments.fulfilment.fulfil_line(order.lines[0].id)

    receipt = await world.payments.receipts.of_order(order.id)

    assert receipt.lines[0].proof == voucher
    assert (await world.payments.receipts.of_order((await world.settled()).id)).lines[0].proof is None
