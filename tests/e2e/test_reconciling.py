"""A day of the whole town against WeChat Pay's own bills: every purchase and refund is in both, to the fen."""

from datetime import date

import pytest

from bot.kernel.clock import SHANGHAI, business_day
from bot.payments.reconciliation.days import AccountDay
from bot.payments.refunds import RefundAsk
from tests.e2e.leaping import City

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def is_compared(city: City, day: date) -> bool:
    rows = await city.rows("SELECT state FROM recon_days WHERE day = $1", day.isoformat())
    return [row["state"] for row in rows] == ["matched"]


async def test_the_worker_proves_yesterday_against_trade_and_fund_flow_bill(city: City) -> None:
    house = city.town.demo.house
    if house.clock.now().astimezone(SHANGHAI).hour == 23:
        # All purchases have to fall on one day.
        city.clock.leap(3_600)
    for fen in (1_250, 3_400, 990):
        bought = await city.paid(await city.lunch(fen))
        await city.town.settled(bought.token)
    order = await city.town.order(bought.token)
    await house.payments.refunds.request(RefundAsk(order["id"], "once", "wang", "wrong table"))

    async def refunded() -> bool:
        return [refund["state"] for refund in await city.of_order(bought, "refunds")] == ["succeeded"]

    await city.leaps(refunded)
    day = business_day(house.clock.now())
    await city.leaps(lambda: is_compared(city, day), step=6 * 3_600, most=8)

    report = await house.reconciliation.report(AccountDay("wechatpay", "main", day))
    sums = {each.measure: (each.ours, each.theirs) for each in report.sums}
    assert sums["payment"] == (5_640, 5_640) and sums["refund"] == (990, 990)
    assert (report.state, report.unexplained, [each.kind for each in report.differences]) == ("balanced", 0, [])
    assert sums["flow"][0] == sums["flow"][1]
    assert await city.town.audit() == []
