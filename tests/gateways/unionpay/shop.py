"""The gateway pointed at a running simulator."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.gateways.unionpay.gateway import UnionPayGateway, build
from bot.gateways.unionpay.orders import reference
from bot.kernel.clock import SystemClock
from bot.kernel.ids import new_out_number
from bot.outside.http import HttpClient
from bot.payments.facts import (
    ChargeFact,
    Created,
    NewCharge,
    NewRefund,
    Notice,
    Paid,
    PaidFact,
    RawNotice,
    RefundFact,
    RefundRef,
    Unverified,
    Way,
)
from tests.simulators.unionpay_rig import Rig, credentials, running

CLOCK = SystemClock()
USER = "QRpayer0000000000001"


@dataclass
class Shop:
    gateway: UnionPayGateway
    rig: Rig
    http: HttpClient

    def charge(self, way: Way = Way.NATIVE, *, amount: int = 12_850) -> NewCharge:
        now = CLOCK.now()
        inside = way is Way.JSAPI
        return NewCharge(
            out_trade_no=new_out_number("T", now),
            account="main",
            way=way,
            amount=amount,
            currency="CNY",
            description="阳光花园 11月物业费",
            created_at=now,
            expires_at=now + timedelta(minutes=30),
            notify_url=self.rig.notify_url,
            payer_id=USER if inside else None,
            payer_app=credentials().mer_id if inside else None,
            payer_ip="203.0.113.9",
            return_url="https://pay.example.com/back" if inside else None,
            app="UnionPay/1.0 CloudPay" if inside else "",
        )

    async def created(self, charge: NewCharge) -> Mapping[str, str]:
        outcome = await self.gateway.create(charge)
        assert isinstance(outcome, Created), outcome
        return outcome.handover

    async def query(self, charge: NewCharge) -> ChargeFact:
        return await self.gateway.query(reference(charge))

    async def notice(self, index: int = 0) -> Notice | Unverified:
        headers, body = (await self.rig.inbox.wait(index + 1))[index]
        lower = {name.lower(): value for name, value in headers.items()}
        return self.gateway.read_notice(RawNotice("main", lower, body), CLOCK.now())

    async def paid(self, charge: NewCharge) -> PaidFact:
        """Create, pay, and return what the query tells."""
        await self.created(charge)
        assert await self.rig.pay(charge.out_trade_no) == "ok"
        fact = await self.query(charge)
        assert isinstance(fact, Paid), fact
        return fact.fact

    def refund(self, charge: NewCharge, paid: PaidFact, amount: int) -> NewRefund:
        return NewRefund(
            out_refund_no=new_out_number("R", CLOCK.now()),
            out_trade_no=charge.out_trade_no,
            account="main",
            amount=amount,
            total=charge.amount,
            currency="CNY",
            reason="多收退款",
            notify_url=self.rig.notify_url,
            transaction_id=paid.transaction_id,
        )

    async def refund_query(self, refund: NewRefund) -> object:
        known = RefundRef(refund.out_refund_no, refund.out_trade_no, refund.account, refund.amount)
        return await self.gateway.refund_query(known)

    async def refunded(self, refund: NewRefund) -> RefundFact:
        fact = await self.gateway.refund(refund)
        assert isinstance(fact, RefundFact), fact
        return fact


@asynccontextmanager
async def open_shop(**changes: Any) -> AsyncIterator[Shop]:
    http = await HttpClient.create(CLOCK)
    try:
        async with running(**changes) as rig:
            yield Shop(build({"main": credentials().settings(rig.base)}, http, CLOCK), rig, http)
    finally:
        await http.close()
