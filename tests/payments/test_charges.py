"""One charge at a time, the same one for a payer who comes back, and no answer is never an answer."""

import asyncio
import dataclasses

import pytest

from bot.billers.port import Refusal
from bot.kernel.errors import BadRequest
from bot.payments.charges import AlreadyPaid, Confirming, Ready
from bot.payments.facts import Created, Declined, Missing, PayerId, Unknown, Waiting, Way
from bot.payments.policy import Policy
from tests.payments.scripted_gateway import APP, LOST_AFTER, LOST_BEFORE
from tests.payments.world import CHAT, OTHER_PAYER, World, build


async def test_a_charge_expires_with_its_order_and_carries_its_amount(world: World) -> None:
    order = await world.order(world.meal(3_500))

    ready = await world.open(order)

    [sent] = world.gateway.requests
    assert (sent.amount, sent.currency, sent.payer_id, sent.payer_app) == (3_500, "CNY", "openid-1", APP)
    assert sent.expires_at == order.expires_at == ready.expires_at
    assert sent.notify_url == "https://pay.example.com/notify/scripted/main"
    assert len(sent.out_trade_no) == 28
    assert sent.out_trade_no.isalnum()
    assert ready.handover == {"prepay_id": f"wx{sent.out_trade_no}"}
    charge = await world.charge(ready.charge_id)
    assert (charge.state, charge.trace_id) == ("pending", order.trace_id)


async def test_the_payer_who_reopens_the_page_gets_the_same_charge(world: World) -> None:
    order = await world.order()

    opened = [await world.open(order) for _ in range(3)]
    at_once = await asyncio.gather(*(world.payments.charges.open(world.ask(order)) for _ in range(8)))

    assert len({ready.charge_id for ready in opened}) == 1
    assert {ready.charge_id for ready in at_once if isinstance(ready, Ready)} == {opened[0].charge_id}
    assert world.gateway.count("create") == 1


async def test_a_page_for_browsers_is_named_afresh(world: World) -> None:
    """An h5_url lives five minutes and an order fifteen: the identical create names another for the same charge."""
    world.gateway.can |= {Way.H5}
    order = await world.order()
    first = await world.open(order, payer=None, way=Way.H5)
    world.gateway.script("create", Created({"h5_url": "https://wallet.example/fresh"}), Unknown("timeout"))

    second = await world.open(order, payer=None, way=Way.H5)
    third = await world.open(order, payer=None, way=Way.H5)

    assert {first.charge_id, second.charge_id, third.charge_id} == {first.charge_id}
    assert second.handover == {"h5_url": "https://wallet.example/fresh"}
    assert third.handover == first.handover, "without an answer the old one may still do"
    assert (len(world.gateway.requests), len(set(world.gateway.requests))) == (3, 1)
    assert [charge.state for charge in await world.charges(order)] == ["pending"]


async def test_eight_first_opens_at_once_make_one_charge(world: World) -> None:
    order = await world.order()

    opened = await asyncio.gather(*(world.payments.charges.open(world.ask(order)) for _ in range(8)))

    assert len(await world.charges(order)) == 1
    assert len({ready.out_trade_no for ready in opened if isinstance(ready, Ready)}) == 1
    # Whoever came while the first call was under way sent the identical request.
    assert len(set(world.gateway.requests)) == 1


async def test_another_payer_or_way_closes_the_first_charge_upstream_first(world: World) -> None:
    order = await world.order()
    first = await world.open(order)

    second = await world.open(order, payer=OTHER_PAYER)
    third = await world.open(order, payer=None, way=Way.NATIVE)

    assert [charge.state for charge in await world.charges(order)] == ["closed", "closed", "pending"]
    assert world.gateway.charges[first.out_trade_no].state == "closed"
    calls = [call for call, _ in world.gateway.calls]
    assert calls == ["create", "close", "create", "close", "create"]
    assert len({first.out_trade_no, second.out_trade_no, third.out_trade_no}) == 3


async def test_a_first_charge_that_cannot_be_closed_keeps_the_second_away(world: World) -> None:
    order = await world.order()
    first = await world.open(order)
    world.gateway.script("close", Unknown("timeout"), Waiting("USERPAYING"))

    for _ in range(2):
        assert isinstance(await world.payments.charges.open(world.ask(order, payer=OTHER_PAYER)), Confirming)
        assert [charge.state for charge in await world.charges(order)] == ["closing"]

    # The first payer meanwhile paid, and that is what counts.
    await world.tell(world.gateway.pay(first.out_trade_no))
    assert await world.payments.charges.open(world.ask(order, payer=OTHER_PAYER)) == AlreadyPaid(order.id)
    assert await world.audit() == []


async def test_a_change_of_wallet_finds_that_the_first_charge_was_paid(world: World) -> None:
    order = await world.order()
    first = await world.open(order)
    world.gateway.pay(first.out_trade_no)

    assert await world.payments.charges.open(world.ask(order, payer=OTHER_PAYER)) == AlreadyPaid(order.id)
    assert await world.state(order) == "paid"


@pytest.mark.parametrize("lost", [LOST_BEFORE, LOST_AFTER])
async def test_a_missing_answer_to_create_is_met_by_the_identical_request(world: World, lost: str) -> None:
    order = await world.order()
    world.gateway.script("create", lost, lost)

    waiting = await world.payments.charges.open(world.ask(order))

    assert isinstance(waiting, Confirming)
    [charge] = await world.charges(order)
    assert (charge.state, charge.next_query_at is not None) == ("unknown", True)
    world.clock.advance(2)
    ready = await world.open(order)
    assert ready.charge_id == charge.id
    assert len(world.gateway.requests) == 3
    assert len(set(world.gateway.requests)) == 1
    assert (await world.charge(charge.id)).state == "pending"


async def test_an_explicit_no_is_final_and_the_payer_may_try_again(world: World) -> None:
    order = await world.order()
    world.gateway.script("create", Declined("account_restricted", "NO_AUTH"))

    refused = await world.payments.charges.open(world.ask(order))
    again = await world.open(order)

    assert refused == Refusal("declined", {"code": "account_restricted"})
    assert [charge.state for charge in await world.charges(order)] == ["failed", "pending"]
    assert (await world.charges(order))[1].id == again.charge_id


async def test_what_cannot_be_paid_is_refused(world: World) -> None:
    charges = world.payments.charges
    paid = await world.paid()
    closed = await world.order()
    await world.payments.sweeper.close_order(closed.id)
    brief = await world.order(seconds=30)
    order = await world.order()
    preview = PayerId("wechat", APP, "openid-9", snapshot=True)
    nobody = world.ask(order)

    assert await charges.open(world.ask(paid)) == AlreadyPaid(paid.id)
    assert await charges.open(world.ask(closed)) == Refusal("order_closed")
    assert await charges.open(world.ask(brief)) == Refusal("order_expired")
    assert await charges.open(world.ask(order, payer=preview)) == Refusal("payer_snapshot")
    assert await charges.open(world.ask(order, way=Way.H5)) == Refusal("way_unsupported")
    assert await charges.open(type(nobody)("ord_none", "scripted", "main", Way.JSAPI)) == Refusal("order_unknown")
    assert await world.charges(order) == []


async def test_a_name_that_the_books_cannot_carry_shows_before_any_money(world: World) -> None:
    order = await world.order()
    strange = dataclasses.replace(world.ask(order), account="main:2")
    foreign = dataclasses.replace(world.quote(world.meal()), merchant_id="商户")

    with pytest.raises(BadRequest, match="account_path"):
        await world.payments.charges.open(strange)
    with pytest.raises(BadRequest, match="account_path"):
        await world.payments.orders.place(foreign, CHAT)
    assert world.gateway.calls == []


async def test_a_bill_that_another_order_paid_takes_no_charge(world: World) -> None:
    """A remote bill is held by nobody; the claim of the first payment keeps the second from starting."""
    first, second = await world.order(world.power("E1")), await world.order(world.power("E1"))
    await world.pay(first)

    assert await world.payments.charges.open(world.ask(second)) == Refusal("already_paid")


async def test_charges_of_an_order_are_bounded(world: World) -> None:
    world = build(world.database, world.clock, Policy(charges_per_order_max=2))
    order = await world.order()
    world.gateway.script("create", Declined("no"), Declined("no"))

    for _ in range(2):
        await world.payments.charges.open(world.ask(order))

    assert await world.payments.charges.open(world.ask(order)) == Refusal("charge_limit", {"maximum": 2})


async def test_a_charge_that_was_never_known_upstream_is_made_known_to_be_closed(world: World) -> None:
    """Its first request may still be on its way; "no such number" before the expiry closes nothing (trap 3)."""
    order = await world.order()
    world.gateway.script("create", LOST_BEFORE, LOST_BEFORE)
    await world.payments.charges.open(world.ask(order))
    [charge] = await world.charges(order)

    await world.open(order, payer=OTHER_PAYER)

    assert world.gateway.charges[charge.out_trade_no].state == "closed"
    assert [entry.state for entry in await world.charges(order)] == ["closed", "pending"]


async def test_missing_before_the_expiry_ends_nothing(world: World) -> None:
    order = await world.order()
    await world.open(order)
    world.gateway.script("close", Missing(), Missing())
    world.gateway.script("query", Missing())

    assert isinstance(await world.payments.charges.open(world.ask(order, payer=OTHER_PAYER)), Confirming)
    assert [charge.state for charge in await world.charges(order)] == ["closing"]
