"""A merchant's statement adds up to the fen, takes fees from the bill, and is proved against the ledger."""

from datetime import date, timedelta

import pytest

from bot.kernel.clock import business_day, to_micros
from bot.kernel.errors import NotFound
from bot.payments.refunds import RefundAsk
from bot.payments.sharing.settlement import Settlement, Sums
from bot.payments.values import Order
from tests.payments.sharing.rig import ShareWorld, equip
from tests.payments.world import START, World

PLACE = ("scripted", "main")
DAY = business_day(START)


async def statement(sharing: ShareWorld, day: date = DAY) -> Settlement:
    return await sharing.world.payments.settlements.of_day("mer", day)


async def bill_tells(sharing: ShareWorld, number: str, kind: str, fee: int) -> None:
    at = to_micros(START)
    await sharing.world.execute(
        "INSERT INTO statements (id, gateway, account, day, kind, version, source, actor, state, begun_at) "
        "VALUES ('stm', 'scripted', 'main', $1, 'trade', 1, 'gateway', 'system', 'ready', $2) ON CONFLICT DO NOTHING",
        DAY.isoformat(),
        at,
    )
    await sharing.world.execute(
        "INSERT INTO statement_lines (statement_id, line_no, kind, number, out_trade_no, transaction_id, refund_id, "
        "amount, currency, fee, outcome, vendor_state, at) VALUES ('stm', (SELECT COUNT(*) + 1 FROM statement_lines), "
        "$1, $2, $2, '', '', 0, 'CNY', $3, 'done', '', $4)",
        kind,
        number,
        fee,
        at,
    )


async def day_of_a_shop(sharing: ShareWorld) -> Order:
    """Two payments, one of which goes back in part, and one of another day."""
    world = sharing.world
    await sharing.shared(world.meal(10_000))
    order, _ = await sharing.shared(world.meal(20_000))
    await world.payments.refunds.request(RefundAsk(order.id, "k", "张三", "cold", amount=5_000))
    await sharing.work_off()
    world.clock.advance(86_400)
    await sharing.shared(world.meal(1_000))
    return order


async def test_a_day_adds_up(sharing: ShareWorld) -> None:
    await day_of_a_shop(sharing)

    told = await statement(sharing)

    assert told.accounts[PLACE] == Sums(
        payments=2,
        gross=30_000,
        refunds=1,
        refunded=5_000,
        # 60 and 120 for the payments, 30 back with the refund.
        fees=150,
        shared=1_050 + 2_050,
        returned=500,
        fees_agreed=3,
    )
    assert told.total.net == 30_000 - 5_000 - 150 - 3_100 + 500
    assert (told.receivers, told.under_way) == ({"owners": 2_500, "agent": 100}, 0)
    assert told.proved
    after = await statement(sharing, DAY + timedelta(days=1))
    assert (after.total.gross, after.total.shared, after.proved) == (1_000, 150, True)


async def test_the_bill_s_fee_goes_before_the_agreed_one(sharing: ShareWorld) -> None:
    order = await day_of_a_shop(sharing)
    [charge] = await sharing.world.charges(order)
    await bill_tells(sharing, charge.out_trade_no, "payment", 121)
    refund = await sharing.world.row("SELECT out_refund_no FROM refunds")
    await bill_tells(sharing, refund["out_refund_no"], "refund", -29)

    sums = (await statement(sharing)).accounts[PLACE]

    assert (sums.fees, sums.fees_told, sums.fees_agreed) == (60 + 121 - 29, 2, 1)


async def test_without_an_agreed_rate_fees_are_unknown_and_none_is_invented(world: World) -> None:
    sharing = equip(world, fees={})
    await sharing.world.settled()

    sums = (await statement(sharing)).accounts[PLACE]

    assert (sums.fees, sums.fees_unknown, sums.net) == (0, 1, 3_500)


async def test_what_is_under_way_is_named_and_not_counted(sharing: ShareWorld) -> None:
    world = sharing.world
    order = await world.settled(world.meal(10_000))
    await world.refund(order)

    told = await statement(sharing)

    assert (told.total.refunded, told.under_way, told.proved) == (0, 10_000, True)


async def test_a_row_that_is_not_in_the_ledger_is_noticed(sharing: ShareWorld) -> None:
    await day_of_a_shop(sharing)
    await sharing.world.execute("UPDATE share_parts SET amount = amount + 1 WHERE receiver = 'agent'")
    await sharing.world.execute(
        "INSERT INTO postings (journal, entry_no, source, destination, amount, asset, trace_id, at) "
        "VALUES ('odd:1', 0, 'merchant:mer:due', 'fees:scripted:main', 7, 'CNY', 't', $1)",
        to_micros(START) + 1,
    )

    told = await statement(sharing)

    assert [proof.kind for proof in told.proofs if not proof.holds] == ["shared", "other"]
    assert not told.proved


async def test_movements_are_told_one_by_one(sharing: ShareWorld) -> None:
    await day_of_a_shop(sharing)

    kinds = [one.kind async for one in sharing.world.payments.settlements.movements("mer", DAY)]

    assert sorted(kinds) == ["payment"] * 2 + ["refund", "return"] + ["share"] * 4


async def test_a_merchant_that_is_none(sharing: ShareWorld) -> None:
    with pytest.raises(NotFound, match="merchant_unknown"):
        await sharing.world.payments.settlements.of_day("nobody", DAY)
