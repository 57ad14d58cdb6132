"""What happens to an order beside the conversation: charges, billers, refunds and the desk, all of them real."""

import json
from typing import Any

from bot.billers.port import Pending, Refused, Silent
from bot.cases import tickets
from bot.cases.actions import actions
from bot.cases.book import CaseOpener, waiting
from bot.cases.desk import Desk
from bot.jobs.port import Job
from bot.kernel.clock import from_micros
from bot.payments.charges import ChargeAsk, Ready
from bot.payments.facts import PayerId, Unknown, Way
from bot.payments.policy import Policy
from tests.dialogue.town import Town
from tests.payments.scripted_gateway import APP

PAYER = PayerId("wechat", APP, "openid-1")
ANSWERS = {
    "is slow": Pending(30.0),
    "refuses the payment": Refused("closed"),
    "has it from elsewhere": Refused("paid_elsewhere"),
    "says nothing": Silent("timeout"),
}


class Counter:
    """Does things to the newest order of a town."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.desk = Desk(town.database, actions(Policy(refund_alone_max=50_000)), town.clock)

    async def begin(self) -> str:
        """Open a charge for the newest order and return its out_trade_no."""
        order = await self.town.last_order()
        ask = ChargeAsk(order.id, "scripted", "main", Way.JSAPI, PAYER, payer_ip="203.0.113.9")
        opened = await self.town.payments.charges.open(ask)
        assert isinstance(opened, Ready), opened
        return opened.out_trade_no

    async def pay(self, *, tell: bool = True) -> str:
        """Pay the newest order; without ``tell`` its notice is lost."""
        number = await self.begin()
        fact = self.town.gateway.pay(number)
        if tell:
            await self.told(fact)
        return number

    async def pay_twice(self) -> None:
        """Pay the newest order, and have money come for it once more."""
        number = await self.pay()
        amount = (await self.town.last_order()).amount
        await self.told(self.town.gateway.fact(number, amount, transaction_id="another transaction"))

    async def told(self, fact: Any) -> None:
        await self.town.payments.notices.take("scripted", self.town.gateway.notice(fact), "trc_notice")

    def lose_queries(self, times: int = 1) -> None:
        self.town.gateway.script("query", *[Unknown("timeout")] * times)

    def biller(self, what: str, times: int = 1) -> None:
        """Have the power company answer so, as often."""
        self.town.power.answers.extend([ANSWERS[what]] * times)

    async def fulfil(self) -> None:
        """Tell the billers of the newest order, as the worker does."""
        for line in (await self.town.last_order()).lines:
            await self.town.payments.fulfilment.fulfil_line(line.id)

    async def work_refunds(self) -> None:
        """Submit the refunds that wait, and have the surplus go back, as the workers do."""
        payments = self.town.payments
        for row in await self.town.database.rows("SELECT id FROM refunds WHERE state = 'approved' ORDER BY id"):
            await payments.refunds.submit(row["id"])

    async def file(self) -> None:
        """Deliver the case jobs of the outbox, as the relay does."""
        opener = CaseOpener(self.town.database, self.town.clock)
        for row in await self.town.database.rows("SELECT * FROM outbox WHERE kind = 'case' AND state = 'ready'"):
            payload = json.loads(row["payload"])
            moment = from_micros(row["created_at"])
            await opener.deliver(Job(row["id"], "case", row["key"], row["dest"], payload, row["trace_id"], 1, moment))
            await self.town.execute("UPDATE outbox SET state = 'done' WHERE id = $1", row["id"])

    async def ticket_case(self) -> Any:
        """Return the one case that waits for a ticket."""
        (case,) = [case for case in await waiting(self.town.database) if case.key.startswith("tkt_")]
        return case

    async def decide(self, action: str) -> None:
        """Two people do something about the one ticket."""
        case = await self.ticket_case()
        await self.desk.propose(case.id, action, actor="Ann", note="looked at it")
        await self.desk.approve(case.id, actor="Bob")

    async def tell_customer(self, words: str) -> None:
        case = await self.ticket_case()
        await self.desk.tell(case.id, words, actor="Ann", vault=self.town.vault)

    async def escalate(self) -> int:
        """Run the round that looks for overdue tickets."""
        found = await tickets.overdue(self.town.database, self.town.clock.now(), 10)
        for each in found:
            await self.town.database.effect(lambda tx, each=each: tickets.escalate_in(tx, each, self.town.clock.now()))
        return len(found)

    async def numbers(self) -> list[str]:
        rows = await self.town.database.rows("SELECT number FROM tickets ORDER BY opened_at, id")
        return [row["number"] for row in rows]
