"""Whatever answers are lost, refused or late, in whatever order people ask for refunds, the books end true."""

import random

import pytest

from bot.payments.facts import Declined, Unknown
from bot.payments.faculties import PartState
from bot.payments.refunds import RefundAsk
from bot.payments.sharing import returning
from tests.payments.scripted_gateway import LOST_AFTER, LOST_BEFORE
from tests.payments.sharing.rig import AGENT, OWNERS, ShareWorld
from tests.payments.world import DUE, PAYERS

CALLS = ("share", "share_query", "take_back", "take_back_query", "unfreeze", "add_receiver", "refund", "refund_query")
WEATHER = (LOST_BEFORE, LOST_AFTER, Unknown("timeout"), Declined("not_now"))


async def step(sharing: ShareWorld, chance: random.Random, orders: list[str], number: int) -> None:
    world = sharing.world
    match chance.randrange(8):
        case 0 | 1:
            lines = [world.meal(chance.randrange(1, 20_000)) for _ in range(chance.randrange(1, 4))]
            orders.append((await world.paid(*lines)).id)
        case 2 | 3 if orders:
            order = await world.payments.orders.get(chance.choice(orders))
            line = chance.choice([None, *(line.id for line in order.lines)])
            amount = chance.randrange(1, order.amount + 1) if chance.random() < 0.5 else None
            ask = RefundAsk(order.id, f"k{number}", "张三", "r", None if amount else line, amount)
            await world.payments.refunds.request(ask)
        case 4:
            call = chance.choice(CALLS)
            # A refusal of a refund is for people, not for this test.
            weather = WEATHER[:3] if call.startswith(("refund", "share_query", "take_back_query")) else WEATHER
            world.gateway.scripts[call].append(chance.choice(weather))
        case 5:
            sharing.faculty.outcomes = {AGENT: chance.choice(list(PartState)), OWNERS: chance.choice(list(PartState))}
        case 6:
            world.clock.advance(chance.choice([1, 61, 3_700]))
            await sharing.sweep()
        case _:
            await sharing.work_off(rounds=2)


async def at_rest(sharing: ShareWorld) -> None:
    """The days after: everything that was lost is told, and people let receivers keep what they refuse."""
    world = sharing.world
    world.gateway.scripts.clear()
    sharing.faculty.outcomes = {}
    for number in (OWNERS, AGENT):
        sharing.faculty.settle(number, PartState.SUCCEEDED)
    for _ in range(8):
        world.clock.advance(22_000)
        await sharing.sweep()
        await sharing.work_off()
        for row in await world.rows("SELECT id FROM share_returns WHERE state = 'failed'"):
            failed = row["id"]
            await world.database.effect(lambda tx, failed=failed: returning.waive_in(tx, failed, world.clock.now()))


@pytest.mark.parametrize("seed", range(4))
async def test_the_books_are_true_in_any_weather(sharing: ShareWorld, seed: int, full_counts: bool) -> None:
    world, orders = sharing.world, list[str]()
    # Each engine has seeds of its own.
    chance = random.Random(f"{world.database.engine}{seed}")
    for number in range(600 if full_counts else 40):
        await step(sharing, chance, orders, number)
        if number % 20 == 0:
            assert await sharing.audit() == [], number
    await at_rest(sharing)

    assert await sharing.audit() == []
    states = {row["state"] for row in await world.rows("SELECT state FROM shares")}
    assert states <= {"done", "stuck"}
    refunds = {row["state"] for row in await world.rows("SELECT state FROM refunds")}
    assert refunds <= {"succeeded", "rejected", "failed"}
    # What our books say that receivers and payers have is what the gateway has given.
    assert await world.balance("shared:mer:owners") == sharing.faculty.held(OWNERS)
    assert await world.balance("shared:mer:agent") == sharing.faculty.held(AGENT)
    paid = sum(charge.fact.amount for charge in world.gateway.charges.values() if charge.fact is not None)
    back = sum(entry.fact.amount for entry in world.gateway.refunds.values() if entry.fact.state == "succeeded")
    assert -await world.balance(PAYERS) == paid - back
    assert await world.balance(DUE) == paid - back - sharing.faculty.held(OWNERS) - sharing.faculty.held(AGENT)
    numbers = [(request.out_order_no, request.parts) for request in sharing.faculty.requests]
    assert all(_same(one, other) for one in numbers for other in numbers if one[0] == other[0])


def _same(one: tuple[str, object], other: tuple[str, object]) -> bool:
    """Requests of one number say the same; secrets do not compare, so their words do."""
    return repr(one) == repr(other)
