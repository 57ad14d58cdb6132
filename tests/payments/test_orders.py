"""A quote becomes one order, with its holds and its verdict, or nothing at all."""

import asyncio
import dataclasses

import pytest

from bot.billers.port import Bill, Quote, Refusal
from bot.kernel.clock import to_micros
from bot.kernel.errors import Conflict, NotFound
from bot.payments.gatekeeper import Placing
from bot.payments.orders import ACCOUNT
from bot.payments.policy import Policy
from bot.payments.values import Order
from bot.storage.port import Tx
from tests.payments.world import CHAT, World, build


async def test_a_quote_becomes_an_order_with_sealed_accounts_and_a_hold(world: World) -> None:
    bill = await world.bill(10_000, late_fee=50)
    quote = world.quote(world.rent(bill), world.meal(3_500))

    order = await world.payments.orders.place(quote, CHAT)

    assert isinstance(order, Order)
    assert (order.amount, order.state, order.origin, order.customer_id) == (13_550, "created", "chat", "cus-1")
    assert len(order.token) == 32
    assert order.expires_at == quote.expires_at
    rent, meal = order.lines
    assert (rent.amount, rent.late_fee, rent.principal, rent.bill_id) == (10_050, 50, 10_000, bill.bill_id)
    assert (rent.period, rent.account_mask, rent.biller) == ("2026-11", "****0101", "hosted")
    assert world.payments.orders.account(rent) == "1-101"
    assert world.payments.orders.account(meal) == ""
    assert rent.account_sealed is not None
    assert b"1-101" not in rent.account_sealed
    assert world.vault.open(rent.account_sealed, ACCOUNT) == "1-101"
    assert await world.bill_state(bill) == "held"
    assert await world.payments.orders.by_token(order.token) == await world.payments.orders.get(order.id) == order
    assert await world.payments.orders.of_customer("cus-1") == [order]


async def test_the_same_quote_gives_the_same_order(world: World) -> None:
    """However often and however concurrently a quote is placed; its own hold does not stand in its way."""
    quote = world.quote(world.rent(await world.bill()))

    placed = await asyncio.gather(*(world.payments.orders.place(quote, CHAT) for _ in range(8)))

    assert len({order.id for order in placed if isinstance(order, Order)}) == 1
    assert len(await world.rows("SELECT id FROM order_lines")) == 1
    with pytest.raises(Conflict, match="quote_conflict"):
        await world.payments.orders.place(_dearer(quote), CHAT)


def _dearer(quote: Quote) -> Quote:
    line = dataclasses.replace(quote.lines[0], amount=quote.amount + 1)
    return dataclasses.replace(quote, lines=(line,), amount=quote.amount + 1)


async def test_two_orders_never_hold_one_bill(world: World) -> None:
    bill, free = await world.bill(), await world.bill()
    quotes = [world.quote(world.rent(free), world.rent(bill)), *(world.quote(world.rent(bill)) for _ in range(7))]

    placed = await asyncio.gather(*(world.payments.orders.place(quote, CHAT) for quote in quotes))

    orders = [order for order in placed if isinstance(order, Order)]
    assert len(orders) == 1
    refusals = [refusal for refusal in placed if isinstance(refusal, Refusal)]
    assert {refusal.code for refusal in refusals} == {"bill_held"}
    # The one that also wanted a free bill lets that go again when it did not get both.
    assert await world.bill_state(free) == ("held" if len(orders[0].lines) == 2 else "open")
    assert await world.audit() == []


async def test_a_bill_that_changed_or_was_paid_is_refused(world: World) -> None:
    bill = await world.bill(10_000)
    stale = dataclasses.replace(bill, amount=9_000)
    gone = Bill("B0", "Rent", "2026-11", 5_000, bill_id="bil_gone")

    async def refusal(line_bill: Bill) -> str:
        placed = await world.payments.orders.place(world.quote(world.rent(line_bill)), CHAT)
        assert isinstance(placed, Refusal)
        return placed.code

    assert await refusal(stale) == "bill_changed"
    assert await refusal(gone) == "bill_changed"
    await world.paid(world.rent(bill))
    assert await refusal(bill) == "already_paid"
    assert len(await world.rows("SELECT id FROM orders")) == 1


async def test_a_remote_bill_cannot_be_ordered_again_once_paid(world: World) -> None:
    await world.paid(world.power("E7"))

    placed = await world.payments.orders.place(world.quote(world.power("E7")), CHAT)

    assert placed == Refusal("already_paid")
    assert isinstance(await world.payments.orders.place(world.quote(world.power("E8")), CHAT), Order)


async def test_one_bill_cannot_be_twice_in_an_order(world: World) -> None:
    bill = await world.bill()

    for line in (world.power("E7"), world.rent(bill)):
        assert await world.payments.orders.place(world.quote(line, line), CHAT) == Refusal("bill_twice")
    assert await world.bill_state(bill) == "open"


async def test_claims_name_whole_bills_only(world: World) -> None:
    claim = world.payments.orders.claim
    bill = Bill("B1", "Power", "2026-10", 10_000, late_fee=50)
    line = dataclasses.replace(world.power(), bill=bill, amount=10_050)
    whole = claim(line)

    assert whole is not None
    assert claim(dataclasses.replace(line, amount=10_049)) is None
    assert claim(world.meal()) is None
    # A hosted bill's own row tells what it still owes, part by part.
    assert claim(world.rent(await world.bill())) is None
    # The late fee of another day, or an overpayment, does not make it another bill; another account does.
    assert claim(dataclasses.replace(line, bill=dataclasses.replace(bill, late_fee=20))) == whole
    assert claim(dataclasses.replace(line, amount=20_000)) == whole
    # What is let off was not paid, but the bill is paid whole all the same.
    assert claim(dataclasses.replace(line, amount=10_049, discount=1)) == whole
    assert claim(dataclasses.replace(line, account="0512345679")) != whole
    assert claim(world.power("E1")) != claim(world.power("E2"))
    # What is paid once for a period is claimed by the period, whatever number it is billed under.
    first, other = (Bill(number, "Year", "2027-01", 10_050, claim="2027-01") for number in ("T1", "T2"))
    assert claim(dataclasses.replace(line, bill=first)) == claim(dataclasses.replace(line, bill=other)) != whole
    nameless = Bill("", "Power", "2026-10", 100)
    assert claim(dataclasses.replace(world.power(), bill=nameless, amount=100)) is not None
    assert (
        claim(dataclasses.replace(world.power(), bill=dataclasses.replace(nameless, period=None), amount=100)) is None
    )


async def test_an_expired_quote_an_unknown_item_and_a_wrong_sum(world: World) -> None:
    orders = world.payments.orders

    assert await orders.place(world.quote(world.meal(), seconds=0), CHAT) == Refusal("quote_expired")
    with pytest.raises(NotFound, match="item_unknown"):
        await orders.place(world.quote(dataclasses.replace(world.meal(), item_id="none")), CHAT)
    with pytest.raises(ValueError, match="sum"):
        await orders.place(dataclasses.replace(world.quote(world.meal(5)), amount=4), CHAT)
    with pytest.raises(ValueError, match="lines"):
        await orders.place(world.quote(), CHAT)
    with pytest.raises(NotFound, match="order_unknown"):
        await orders.by_token("guess")
    assert await world.rows("SELECT id FROM orders") == []


async def test_the_gatekeeper_judges_in_the_transaction_of_the_order(world: World) -> None:
    limited = build(world.database, world.clock, Policy(order_max=1_000))

    assert await limited.payments.orders.place(world.quote(world.meal(1_001)), CHAT) == Refusal(
        "over_limit", {"maximum": 1_000}
    )
    assert isinstance(await limited.payments.orders.place(world.quote(world.meal(1_000)), CHAT), Order)


async def test_a_gatekeeper_may_write_what_it_saw(world: World) -> None:
    class Watcher:
        async def verdict(self, tx: Tx, quote: Quote, placing: Placing) -> Refusal | None:
            await tx.execute(
                "INSERT INTO idempotency (scope, key, input_hash, result, at) VALUES ('seen', $1, '', $2, $3)",
                quote.id,
                placing.origin,
                to_micros(world.clock.now()),
            )
            return Refusal("watched")

    means = world.payments.orders
    watched = type(means)(world.database, world.clock, world.vault, Watcher())

    assert await watched.place(world.quote(world.meal()), CHAT) == Refusal("watched")
    assert len(await world.rows("SELECT key FROM idempotency WHERE scope = 'seen'")) == 1
    assert await world.rows("SELECT id FROM orders") == []
