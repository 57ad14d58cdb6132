"""What two people decide about shares happens, once, and the books are clean afterwards."""

import pytest

from bot.cases.book import Case
from bot.kernel.errors import Conflict, Forbidden
from bot.payments.facts import Declined
from bot.payments.sharing import rules
from bot.payments.sharing.rules import NewRule
from tests.cases.office import Office, open_office
from tests.payments.sharing.rig import RECEIVERS, TERMS, ShareWorld, equip
from tests.payments.world import DUE, World


@pytest.fixture
def sharing(world: World) -> ShareWorld:
    return equip(world)


@pytest.fixture
def office(sharing: ShareWorld) -> Office:
    return open_office(sharing.world)


async def proposed(office: Office, by: str = "cid") -> Case:
    world = office.world
    rule = NewRule("mer", 3_000, TERMS, RECEIVERS)
    await world.database.effect(
        lambda tx: rules.propose_in(tx, world.vault, rule, actor=by, cap_max=3_000, now=world.clock.now())
    )
    return await office.only("share_rule")


async def test_a_rule_is_in_force_once_another_name_adopts_it(office: Office, sharing: ShareWorld) -> None:
    case = await proposed(office)
    assert case.facts["receivers"] == {"owners": "1000 bp to ****0111", "agent": "50 fen to ****eS6o"}
    await sharing.world.settled()
    assert await sharing.world.rows("SELECT id FROM shares") == []

    await office.decide(case, "adopt")
    _, share = await sharing.shared()

    assert share.state == "done"
    assert await sharing.audit() == []


async def test_who_proposed_a_rule_does_not_adopt_it(office: Office) -> None:
    case = await proposed(office, by="bob")
    await office.desk.propose(case.id, "adopt", actor="ann")
    with pytest.raises(Forbidden, match="same_person"):
        await office.desk.approve(case.id, actor="Bob")


async def test_a_refused_rule_is_never_in_force(office: Office, sharing: ShareWorld) -> None:
    case = await proposed(office)
    await office.desk.propose(case.id, "close", actor="ann", note="x")
    with pytest.raises(Conflict, match="share_waits"):
        await office.desk.approve(case.id, actor="bob")
    await office.desk.reject(case.id, actor="bob", note="no")

    await office.decide(case, "refuse")

    await sharing.world.settled()
    assert await sharing.world.rows("SELECT id FROM shares") == []
    [row] = await sharing.world.rows("SELECT state FROM share_rules")
    assert row["state"] == "refused"


async def stuck(office: Office, sharing: ShareWorld) -> Case:
    await sharing.rule(*TERMS)
    sharing.world.gateway.scripts["share"].extend([Declined("no")] * 5)
    sharing.world.gateway.scripts["unfreeze"].extend([Declined("no")] * 5)
    await sharing.shared()
    for _ in range(12):
        sharing.world.clock.advance(7_200)
        await sharing.sweep()
    return await office.only("share_stuck")


@pytest.mark.parametrize("action", ["unfreeze", "freed"])
async def test_what_stays_frozen_is_given_free_after_all(office: Office, sharing: ShareWorld, action: str) -> None:
    case = await stuck(office, sharing)
    await office.decide(case, action)
    await sharing.sweep()

    [row] = await sharing.world.rows("SELECT state FROM shares")
    assert row["state"] == "done"
    assert len(sharing.faculty.freed) == (1 if action == "unfreeze" else 0)
    assert await sharing.audit() == []


@pytest.mark.parametrize(("action", "due"), [("again", 0), ("bear", -350)])
async def test_a_part_that_stays_away_is_decided_upon(
    office: Office, sharing: ShareWorld, action: str, due: int
) -> None:
    await sharing.rule(*TERMS)
    order, _ = await sharing.shared()
    await sharing.world.refund(order)
    sharing.world.gateway.scripts["take_back"].append(Declined("not_enough"))
    await sharing.work_off()

    await office.decide(await office.only("share_return_failed"), action)
    await sharing.work_off()

    assert (await sharing.world.payments.orders.get(order.id)).refunded == 3_500
    assert [row["state"] for row in await sharing.world.rows("SELECT state FROM refunds")] == ["succeeded"]
    assert await sharing.world.balance(DUE) == due
    assert await sharing.audit() == []
