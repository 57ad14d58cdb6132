"""The gateway pointed at a running simulator whose time a test moves, as a merchant or as a service provider."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bot.gateways.wechatpay.gateway import WeChatPayGateway, build
from bot.kernel.clock import SystemClock
from bot.kernel.masking import Secret
from bot.outside.http import HttpClient
from bot.payments.facts import (
    ChargeRef,
    Created,
    NewCharge,
    Notice,
    Paid,
    RawNotice,
    Unverified,
    Way,
)
from bot.payments.faculties import (
    NewShare,
    Receiver,
    SharePart,
    ShareRef,
)
from bot.simulators.clock import ManualClock
from bot.simulators.wechatpay import SubMerchant
from tests.simulators.pay_rig import APPID, OPENID, Rig, credentials, running

NINE = datetime(2026, 11, 10, 1, 0, tzinfo=UTC)  # 9:00 in Shanghai.
TODAY = date(2026, 11, 10)
SUB, SUB_APP, OTHER_SUB = "1900000222", "wx00000000000000aa", "1900000333"


@dataclass
class GatewayClock:
    """The gateway's clock, which goes as the simulator's."""

    simulated: ManualClock

    def now(self) -> datetime:
        return self.simulated.now()

    def monotonic(self) -> float:
        return (self.simulated.now() - NINE).total_seconds()

    async def sleep(self, seconds: float) -> None:
        await self.simulated.sleep(seconds)


@dataclass
class Shop:
    """The gateway, pointed at a running simulator whose time a test moves."""

    gateway: WeChatPayGateway
    rig: Rig
    clock: ManualClock

    def charge(
        self, way: Way = Way.CODE, *, amount: int = 12_800, number: str = "T1000000001", **more: Any
    ) -> NewCharge:
        now = self.clock.now()
        return NewCharge(
            out_trade_no=number,
            account="main",
            way=way,
            amount=amount,
            currency="CNY",
            description="阳光花园 11月物业费",
            created_at=now,
            expires_at=now + timedelta(minutes=30),
            notify_url=self.rig.merchant.notify_url,
            payer_ip="203.0.113.9",
            store="S001",
            device="D7",
            attach="chg_1",
            **more,
        )

    async def scan(self, charge: NewCharge, behaviour: str = "pay") -> object:
        shown = await self.rig.merchant.control("POST", "code", {"behaviour": behaviour, "openid": OPENID})
        assert self.gateway.codes is not None
        return await self.gateway.codes.pay(charge, Secret(shown["auth_code"]))

    async def reverse(self, charge: NewCharge) -> object:
        assert self.gateway.codes is not None
        return await self.gateway.codes.reverse(ref(charge))

    async def shared(self, *, amount: int = 100_000) -> NewShare:
        """A paid charge that may be shared, with a share of it that was not asked for yet."""
        charge = self.charge(Way.JSAPI, amount=amount, payer_id=OPENID, payer_app=APPID, share=True)
        assert isinstance(await self.gateway.create(charge), Created)
        assert (await self.rig.merchant.pay(out_trade_no=charge.out_trade_no))["result"] == "ok"
        paid = await self.gateway.query(ref(charge))
        assert isinstance(paid, Paid)
        parts = (SharePart(MERCHANT, 20_000, "物业分成"), SharePart(PERSON, 1_000, "门店分成"))
        return NewShare("S1000000001", charge.out_trade_no, paid.fact.transaction_id, "main", parts, finish=False)

    async def notices(self, count: int) -> list[Notice | Unverified]:
        raws = [(*pair,) for pair in await self.rig.inbox.wait(count)]
        lower = [({name.lower(): value for name, value in headers.items()}, body) for headers, body in raws]
        return [self.gateway.read_notice(RawNotice("main", *one), self.clock.now()) for one in lower]


MERCHANT = Receiver("merchant", "1900000777", name=Secret("示例物业有限公司"), relation="PARTNER")
PERSON = Receiver("person", "oHeadOfTheBranch00000000001a", APPID, Secret("诸葛孔明"), "门店店长")


def ref(charge: NewCharge) -> ChargeRef:
    return ChargeRef(
        out_trade_no=charge.out_trade_no,
        account=charge.account,
        way=charge.way,
        amount=charge.amount,
        currency=charge.currency,
        created_at=charge.created_at,
        expires_at=charge.expires_at,
        payer_app=charge.payer_app,
    )


def share_ref(share: NewShare, number: str = "") -> ShareRef:
    return ShareRef(number or share.out_order_no, share.out_trade_no, share.transaction_id, share.account)


@asynccontextmanager
async def opened(*, partner: bool = False, sub: str = SUB, mode: str = "public", **changes: Any) -> AsyncIterator[Shop]:
    # Certificates are made when the run begins, and nothing is signed before they are valid.
    keys = credentials()
    clock = ManualClock(keys.platform_certificate.effective + timedelta(days=3) if mode == "certificate" else NINE)
    whose: dict[str, Any] = {"mchid": keys.mchid, "appids": list(keys.appids)}
    if partner:
        whose = {"sp_mchid": keys.mchid, "sp_appid": APPID, "sub_mchid": sub, "sub_appid": SUB_APP}
        subs = (SubMerchant(SUB, (SUB_APP,)), SubMerchant(OTHER_SUB))
        changes["merchants"] = (replace(keys.merchant(), subs=subs),)
    http = await HttpClient.create(SystemClock())
    try:
        async with running(clock, notice_signing="public_key", **changes) as rig:
            settings = {
                **whose,
                "private_key": keys.merchant_private_pem,
                "serial": keys.merchant_cert_serial,
                "apiv3_key": keys.apiv3_key,
                "base_url": rig.merchant.base,
                "public_key_id": keys.platform_public_key.key_id,
                "public_key": keys.platform_public_key.public_pem,
            }
            if mode == "certificate":
                settings = {name: value for name, value in settings.items() if not name.startswith("public")}
            gateway = build({"main": settings}, http, GatewayClock(clock))
            await gateway.refresh()
            yield Shop(gateway, rig, clock)
    finally:
        await http.close()
