"""The simulator's parts put together."""

import asyncio

from bot.simulators.alipay.book import Book
from bot.simulators.alipay.faults import ALIPAY_FAULTS
from bot.simulators.alipay.keys import KeyRing
from bot.simulators.alipay.notices import Notifier
from bot.simulators.alipay.plan import AlipayPlan, Application
from bot.simulators.alipay.shelf import Shelf
from bot.simulators.alipay.wire import Gatekeeper, Postman
from bot.simulators.background import Background
from bot.simulators.clock import Clock
from bot.simulators.faults import Faults


class Simulator:
    """One Alipay: its plan, records, keys, faults and messengers."""

    def __init__(self, plan: AlipayPlan, clock: Clock) -> None:
        self.plan = plan
        self.clock = clock
        self.closing = asyncio.Event()
        self.background = Background()
        self.faults = Faults(ALIPAY_FAULTS, seed=plan.seed, by_suffix=plan.faults_by_amount, rates=plan.rates)
        self.book = Book(plan.journal)
        self.shelf = Shelf()
        self.keys = KeyRing(plan.keys, plan.root_private_pem)
        self.gate = Gatekeeper(plan.applications, plan.root_cert_sn)
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

    def application(self, app_id: str) -> Application:
        """The application with this number; raises KeyError for one that the plan does not name."""
        for application in self.plan.applications:
            if application.app_id == app_id:
                return application
        raise KeyError(app_id)
