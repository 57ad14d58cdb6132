"""The whole life of a contract through the real gateway, over HTTP against WeChat Pay's simulator."""

import asyncio
from dataclasses import replace
from typing import Any

from bot.billers.port import Line
from bot.payments.contracts.port import Due, Signing
from bot.payments.facts import Notice
from tests.gateways.wechatpay.shop import GatewayClock, Shop, opened
from tests.payments.contracts.rig import ASK, PLAN, QuotingBiller
from tests.payments.world import World, build
from tests.simulators.pay_rig import APPID, OPENID

DAY = 86_400


class Town:
    """The payment rooms and WeChat Pay under one clock."""

    def __init__(self, world: World, shop: Shop) -> None:
        clock: Any = GatewayClock(shop.clock)
        biller = QuotingBiller(world.biller.hosted)
        gateway: Any = shop.gateway
        self.shop = shop
        plan = replace(PLAN, plan="12535")
        home = shop.rig.merchant.notify_url.removesuffix("/notify")
        self.world = build(world.database, clock, gateway=gateway, biller=biller, autopay=(plan,), public_url=home)
        biller.world, biller.prices = self.world, {}
        self.heard = 0

    async def advance(self, seconds: float) -> None:
        await self.shop.clock.advance(seconds)

    async def hear(self) -> None:
        """Take the next notice in as the door does."""
        told = (await self.shop.notices(self.heard + 1))[self.heard]
        self.heard += 1
        assert isinstance(told, Notice), told
        await self.world.payments.notices.take("scripted", told, "trc_notice")

    async def sweep(self) -> None:
        payments = self.world.payments
        for deduction_id in await payments.autopay_sweep.due_deductions(50):
            await payments.deductions.carry(deduction_id)

    async def state_at_wechat(self, number: str) -> str:
        told: Any = await self.shop.rig.merchant.control("GET", f"contract?out_contract_code={number}")
        return str(told["contract_state"])


async def test_signed_told_deducted_and_ended(world: World) -> None:
    async with opened() as shop:
        town = Town(world, shop)
        payments = town.world.payments
        signing = await payments.autopay.sign(replace(ASK, payer_id=OPENID, payer_app=APPID))
        assert isinstance(signing, Signing), signing
        number = (await payments.contracts.get(signing.contract_id)).out_contract_no
        await shop.rig.merchant.control("POST", "contract/sign", {"out_contract_code": number})
        await town.hear()
        assert (await payments.contracts.get(signing.contract_id)).state == "active"

        line: Line = town.world.power("E1", 12_850)
        due = await payments.autopay.due(signing.contract_id, line, shop.clock.now().date())
        assert isinstance(due, Due), due
        await town.sweep()
        await town.advance(2 * DAY)
        await town.sweep()
        # Taken in, and carried out some seconds later.
        await town.advance(10)
        await asyncio.gather(town.hear(), town.sweep())
        await town.advance(30)
        await town.sweep()

        [deduction] = await town.world.database.rows("SELECT state, order_id FROM deductions")
        assert deduction["state"] == "paid"
        order = await town.world.payments.orders.get(deduction["order_id"])
        assert (order.state, order.amount) == ("paid", 12_850)

        assert await payments.autopay.revoke("cus-1", signing.contract_id) == "ended"
        assert await town.state_at_wechat(number) == "TERMINATED"
        await town.hear()
        assert [finding for finding in await town.world.audit() if "overdue" not in str(finding)] == []
