"""The gateway, pointed at a running simulator over real HTTP: two codes written from the same documents."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from bot.gateways.alipay.gateway import AlipayGateway, build
from bot.kernel.clock import SystemClock
from bot.outside.http import HttpClient
from bot.payments.facts import (
    ChargeFact,
    ChargeRef,
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
from tests.simulators.alipay_rig import BUYER, Rig, credentials, running

CLOCK = SystemClock()
Mode = Literal["key", "certificate"]


@dataclass
class Shop:
    """An application of ours at a running simulator."""

    gateway: AlipayGateway
    rig: Rig

    def charge(self, way: Way = Way.JSAPI, *, amount: int = 12_850, number: str = "T1000000001") -> NewCharge:
        now = CLOCK.now()
        return NewCharge(
            out_trade_no=number,
            account="main",
            way=way,
            amount=amount,
            currency="CNY",
            description='阳光花园 11月"物业"费{1}',
            created_at=now,
            expires_at=now + timedelta(minutes=30),
            notify_url=self.rig.notify_url,
            payer_id=BUYER if way is Way.JSAPI else None,
            return_url="https://pay.example.com/cashier/back" if way is Way.H5 else None,
            attach="chg_1",
        )

    async def created(self, charge: NewCharge) -> Mapping[str, str]:
        outcome = await self.gateway.create(charge)
        assert isinstance(outcome, Created), outcome
        return outcome.handover

    async def query(self, charge: NewCharge) -> ChargeFact:
        return await self.gateway.query(ref(charge))

    def read(self, body: bytes) -> Notice | Unverified:
        return self.gateway.read_notice(RawNotice("main", {}, body), CLOCK.now())

    async def notice(self, index: int = 0) -> Notice | Unverified:
        return self.read((await self.rig.inbox.wait(index + 1))[index])

    async def paid(self, charge: NewCharge, **facts: Any) -> PaidFact:
        """Create, pay, and return what the query tells."""
        await self.created(charge)
        assert (await self.rig.pay(out_trade_no=charge.out_trade_no, **facts))["result"] == "ok"
        fact = await self.query(charge)
        assert isinstance(fact, Paid), fact
        return fact.fact

    def refund(self, charge: NewCharge, amount: int, number: str = "R1000000001") -> NewRefund:
        return NewRefund(
            out_refund_no=number,
            out_trade_no=charge.out_trade_no,
            account="main",
            amount=amount,
            total=charge.amount,
            currency="CNY",
            reason="多收退款",
            notify_url=self.rig.notify_url,
        )

    async def refunded(self, charge: NewCharge, amount: int, number: str = "R1000000001") -> RefundFact:
        fact = await self.gateway.refund(self.refund(charge, amount, number))
        assert isinstance(fact, RefundFact), fact
        return fact

    async def refund_query(self, refund: NewRefund) -> object:
        known = RefundRef(refund.out_refund_no, refund.out_trade_no, refund.account, refund.amount)
        return await self.gateway.refund_query(known)


def ref(charge: NewCharge) -> ChargeRef:
    return ChargeRef(
        out_trade_no=charge.out_trade_no,
        account=charge.account,
        way=charge.way,
        amount=charge.amount,
        currency=charge.currency,
        created_at=charge.created_at,
        expires_at=charge.expires_at,
    )


def table(base: str, mode: Mode = "key", **changes: Any) -> dict[str, Any]:
    """The account's table of the configuration file."""
    keys = credentials()
    settings: dict[str, Any] = {
        "app_id": keys.app_id,
        "seller_id": keys.seller_id,
        "private_key": keys.app_private_pem,
        "base_url": f"{base}/gateway.do",
        "authorize_base": f"{base}/oauth2/publicAppAuthorize.htm",
    }
    if mode == "key":
        settings["alipay_public_key"] = keys.platform_key.public_pem
    else:
        settings |= {
            "app_cert": keys.app_certificate_pem,
            "alipay_cert": keys.platform_key.certificate_pem,
            "alipay_root_cert": keys.root_certificate_pem,
        }
    return settings | changes


@asynccontextmanager
async def open_shop(mode: Mode = "key", settings: Mapping[str, Any] | None = None, **plan: Any) -> AsyncIterator[Shop]:
    """Start a simulator and the gateway before it; keyword arguments are fields of AlipayPlan."""
    http = await HttpClient.create(CLOCK)
    try:
        async with running(**plan) as rig:
            yield Shop(build({"main": table(rig.base, mode, **(settings or {}))}, http, CLOCK), rig)
    finally:
        await http.close()
