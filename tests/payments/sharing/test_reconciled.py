"""A share of which a bill tells before we know of it is asked about, and the two sides agree."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from bot.kernel.clock import business_day
from bot.payments.facts import StatementLine
from bot.payments.reconciliation.days import AccountDay, Terms
from bot.payments.reconciliation.dispositions import dispose_in
from bot.payments.reconciliation.room import Reconciliation
from bot.payments.sharing import rows
from bot.payments.sharing.rows import Share
from bot.payments.values import Order
from tests.payments.scripted_gateway import LOST_AFTER
from tests.payments.sharing.rig import ShareWorld


async def bill_of(sharing: ShareWorld, order: Order, share: Share) -> Callable[[], AsyncIterator[StatementLine]]:
    """The bill of the day as the gateway has it: the payment, every part of it, and what came back."""
    [charge] = [each for each in await sharing.world.charges(order) if each.state == "paid"]
    at = sharing.world.clock.now()
    paid = StatementLine("payment", charge.out_trade_no, f"4200{charge.out_trade_no}", charge.amount, "CNY", "S", at)
    given = [
        replace(paid, kind="share", amount=part.amount, out_order_no=share.out_order_no, refund_id=f"d{number}")
        for number, part in enumerate(await rows.parts(sharing.world.database, share.id))
    ]
    back = [
        replace(paid, kind="share_returned", amount=entry.amount, out_order_no=entry.out_return_no, refund_id=entry.id)
        for entry in await rows.returns(sharing.world.database, share.id)
    ]

    async def lines() -> AsyncIterator[StatementLine]:
        for line in (paid, *given, *back):
            yield line

    return lines


async def reconciled(
    sharing: ShareWorld, order: Order, share: Share
) -> tuple[Reconciliation, AccountDay, list[tuple[str, ...]]]:
    """Bring the bill and compare the day; return what differs."""
    world = sharing.world
    day = AccountDay("scripted", "main", business_day(world.clock.now()))
    bill = await bill_of(sharing, order, share)
    world.clock.advance(86_400)
    room = Reconciliation(world.database, world.clock, world.payments, Terms())
    await room.store(day, bill, "ann")
    await room.run(day)
    return room, day, await found(sharing)


async def found(sharing: ShareWorld) -> list[tuple[str, ...]]:
    listed = await sharing.world.rows("SELECT measure, kind FROM recon_differences WHERE state <> 'void'")
    return sorted((row["measure"], row["kind"]) for row in listed)


async def ask(sharing: ShareWorld, room: Reconciliation, day: AccountDay) -> None:
    """Two names decide to ask; the job asks, and the day is compared again."""
    world = sharing.world
    # Nobody decides about what still waits; here its time is over.
    await world.execute("UPDATE recon_differences SET state = 'open' WHERE state = 'pooled'")
    for row in await world.rows("SELECT id FROM recon_differences WHERE state = 'open'"):
        await world.database.effect(
            lambda tx, id_=row["id"]: dispose_in(  # type: ignore[misc]
                tx,
                id_,
                "ask_share",
                proposed_by="ann",
                approved_by="bob",
                note="",
                now=world.clock.now(),
                terms=Terms(),
            )
        )
        assert await room.ask(row["id"])
    await room.run(day)


async def test_what_was_given_and_what_came_back_agrees_with_the_bill(sharing: ShareWorld) -> None:
    order, share = await sharing.shared(sharing.world.meal(10_000))
    await sharing.world.refund(order)
    await sharing.work_off()
    assert {state for _, state in await sharing.back(share)} == {"succeeded"}
    _, _, differences = await reconciled(sharing, order, share)

    # The refund itself is no line of this bill.
    assert differences == [("refund", "refund_missing_at_gateway")]


async def test_a_share_whose_answer_was_lost_is_asked_about(sharing: ShareWorld) -> None:
    sharing.world.gateway.script("share", LOST_AFTER)  # type: ignore[arg-type]
    order, share = await sharing.shared(sharing.world.meal(10_000))
    assert share.state == "unknown"
    room, day, differences = await reconciled(sharing, order, share)
    assert differences == [("share", "state")]
    await ask(sharing, room, day)

    assert (await sharing.share_of(order)).state == "done"
    # The gateway tells no moment, so that ours is the one of the answer: a day later.
    assert await found(sharing) == [("share", "timing")]
    assert await sharing.audit() == []


async def test_a_return_whose_answer_was_lost_is_asked_about(sharing: ShareWorld) -> None:
    order, share = await sharing.shared(sharing.world.meal(10_000))
    await sharing.world.refund(order)
    sharing.world.gateway.scripts["take_back"].extend([LOST_AFTER] * 2)
    await sharing.work_off("undo", "refund_submit")
    for entry in await rows.returns(sharing.world.database, share.id):
        await sharing.world.payments.returns.carry(entry.id)
    assert {state for _, state in await sharing.back(share)} == {"unknown"}
    room, day, differences = await reconciled(sharing, order, share)
    assert set(differences) == {("share_returned", "state")}
    await ask(sharing, room, day)

    assert {state for _, state in await sharing.back(share)} == {"succeeded"}
    assert set(await found(sharing)) == {("share_returned", "timing")}
