"""Traps of payments.md that no other test of these rooms springs by itself."""

from bot.payments.facts import RefundState, Unknown
from tests.payments.world import PAYERS, REFUNDING, World


async def test_no_timer_ends_a_refund(world: World) -> None:
    """Ten days without a word: the refund stays under way and its amount reserved, and its end still comes (trap 8)."""
    order = await world.paid()
    refund = await world.refund(order)
    world.gateway.refund_outcome = RefundState.PENDING
    world.gateway.script("refund_query", *[Unknown("timeout")] * 40)
    await world.payments.refunds.submit(refund.id)

    for _ in range(40):
        world.clock.advance(21_700)
        await world.sweep()
        assert (await world.payments.refunds.get(refund.id)).state in ("pending", "unknown")

    assert (await world.balance(REFUNDING), (await world.payments.orders.get(order.id)).refunded) == (3_500, 3_500)
    world.gateway.settle_refund(refund.out_refund_no, RefundState.SUCCEEDED)
    world.clock.advance(21_700)
    await world.sweep()
    assert (await world.payments.refunds.get(refund.id)).state == "succeeded"
    assert await world.balance(PAYERS) == 0
    assert await world.audit() == []
