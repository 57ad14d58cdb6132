"""The simulator's parts put together."""

import asyncio

from bot.simulators.background import Background
from bot.simulators.clock import Clock
from bot.simulators.faults import WECHATPAY_FAULTS, Faults
from bot.simulators.wechatpay.book import Book
from bot.simulators.wechatpay.contracts import Contracts
from bot.simulators.wechatpay.keys import KeyRing
from bot.simulators.wechatpay.notices import Notifier
from bot.simulators.wechatpay.plan import Merchant, WeChatPayPlan
from bot.simulators.wechatpay.screens import Screens
from bot.simulators.wechatpay.shares import Shares
from bot.simulators.wechatpay.wire import Gatekeeper, Postman


class Simulator:
    """One WeChat Pay platform: its plan, records, keys, faults and messengers."""

    def __init__(self, plan: WeChatPayPlan, clock: Clock) -> None:
        self.plan = plan
        self.clock = clock
        self.closing = asyncio.Event()
        self.background = Background()
        self.faults = Faults(WECHATPAY_FAULTS, seed=plan.seed, by_suffix=plan.faults_by_amount, rates=plan.rates)
        self.book = Book(plan.journal)
        self.shares = Shares()
        self.screens = Screens()
        self.contracts = Contracts()
        self.keys = KeyRing(plan.certificates, plan.public_key, plan.notice_signing)
        self.gate = Gatekeeper(plan.merchants)
        self.post = Postman(self.keys, hang_seconds=plan.hang_seconds, closing=self.closing)
        self.notifier = Notifier(
            clock,
            self.keys,
            self.background,
            schedule=plan.retry_schedule,
            timeout=plan.notice_timeout,
            connections=plan.notice_connections,
        )

    async def open(self) -> None:
        """Open the journal and the client that carries notices."""
        self.book.open()
        await self.notifier.open()

    async def close(self) -> None:
        """Cancel all that waits and release what open() took."""
        await self.background.close()
        await self.notifier.close()
        self.book.close()

    def merchant(self, mchid: str) -> Merchant:
        """The merchant with this number; raises KeyError for one that the plan does not name."""
        for merchant in self.plan.merchants:
            if merchant.mchid == mchid:
                return merchant
        raise KeyError(mchid)
