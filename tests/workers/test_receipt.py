"""The customer is told what is true when the message goes out, in their own script, or nothing where nobody listens."""

import dataclasses
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from bot.billers.port import Refused
from bot.channels.official.outbound import unpacked
from bot.customers.identities import Identities
from bot.dialogue.reply import Text
from bot.jobs.port import Dead, Done, Job, NewJob
from bot.payments.refunds import RefundAsk
from bot.payments.values import Order, Refund
from bot.words.render import render_message, templates_root
from bot.workers.receipt import ReceiptDeliverer
from tests.payments.world import CHAT, World

OPENID = "oCustomer0000000000000000001"


class Rig:
    """A deliverer over a world, the customer whom it writes to, and what it queued."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.queued: list[NewJob] = []
        self.identities = Identities(world.database, world.vault, world.clock)
        payments = world.payments
        self.deliverer = ReceiptDeliverer(
            payments.receipts,
            payments.refunds,
            payments.orders,
            self.identities,
            self._enqueue,
            world.clock,
            "https://pay.example.com",
        )

    async def _enqueue(self, jobs: Sequence[NewJob]) -> None:
        self.queued += jobs

    async def paid(self, *refusals: Refused, script: str = "zh_hans", channel: str = "official") -> Order:
        """An order of a customer, at its end at its biller."""
        customer = await self.identities.recognise("official", "main", OPENID, script=script)
        placing = dataclasses.replace(CHAT, channel=channel, customer_id=customer.id)
        order = await self.world.order(self.world.power(), placing=placing)
        await self.world.pay(order)
        self.world.biller.script("settle", *refusals)
        await self.world.work_off("fulfil")
        return order

    async def job(self) -> Job:
        """The newest receipt job of the outbox, as the relay would lease it."""
        row = await self.world.row(
            "SELECT * FROM outbox WHERE kind = 'receipt' ORDER BY created_at DESC, id DESC LIMIT 1"
        )
        payload = json.loads(row["payload"])
        return Job(row["id"], row["kind"], row["key"], row["dest"], payload, "trc_1", 1, self.world.clock.now())

    def text(self) -> str:
        (queued,) = self.queued
        (part,) = [unpacked(part) for part in queued.payload["parts"]]
        assert isinstance(part, Text)
        assert queued.private and queued.payload["openid"] == OPENID
        return part.text


@pytest.fixture
def rig(world: World) -> Rig:
    return Rig(world)


async def test_a_paid_and_booked_order(rig: Rig) -> None:
    order = await rig.paid()

    assert await rig.deliverer.deliver(await rig.job()) == Done()
    text = rig.text()
    assert "付款成功" in text and "128.50" in text and "已销账" in text
    assert f'href="https://pay.example.com/receipts/{order.token}"' in text
    assert rig.queued[0].key == f"receipt:{order.id}"


async def test_an_order_that_its_biller_refused(rig: Rig) -> None:
    await rig.paid(Refused("account_closed"))

    assert await rig.deliverer.deliver(await rig.job()) == Done()
    assert "没有入账" in rig.text() and "付款成功" not in rig.text()


async def test_a_refund_tells_its_own_amount(rig: Rig) -> None:
    """Two refunds of one order: each message tells of its own, not of their sum."""
    world = rig.world
    customer = await rig.identities.recognise("official", "main", OPENID)
    placing = dataclasses.replace(CHAT, customer_id=customer.id)
    order = await world.order(world.power("E1", 1_000), world.power("E2", 2_500), placing=placing)
    await world.pay(order)
    await world.work_off("fulfil")
    texts = []
    for line in order.lines:
        refund = await world.payments.refunds.request(RefundAsk(order.id, line.id, "ann", "r", line.id))
        assert isinstance(refund, Refund)
        await world.work_off()
        assert await rig.deliverer.deliver(await rig.job()) == Done()
        texts.append(rig.text())
        rig.queued.clear()

    assert "10.00" in texts[0] and "25.00" in texts[1] and "35.00" not in texts[1]
    assert all("已退款" in text for text in texts)


@pytest.mark.parametrize("script", ["zh_hans", "zh_hant", "en"])
async def test_the_words_are_in_the_customers_script(rig: Rig, script: str) -> None:
    order = await rig.paid(script=script)
    await rig.deliverer.deliver(await rig.job())

    receipt = await rig.world.payments.receipts.of_order(order.id)
    url = f"https://pay.example.com/receipts/{order.token}"
    assert rig.text() == render_message("paid", script, receipt=receipt, url=url)


class TestSilence:
    async def test_nobody_is_written_to_about_old_news(self, rig: Rig) -> None:
        await rig.paid()
        job = await rig.job()
        rig.world.clock.advance(timedelta(days=2, seconds=1).total_seconds())

        assert await rig.deliverer.deliver(job) == Done()
        assert rig.queued == []

    async def test_who_has_left_is_not_written_to(self, rig: Rig) -> None:
        await rig.paid()
        await rig.identities.set_reachable("official", "main", OPENID, False)

        assert await rig.deliverer.deliver(await rig.job()) == Done()
        assert rig.queued == []

    async def test_another_channels_customer_is_not_written_to_here(self, rig: Rig) -> None:
        await rig.paid(channel="mini")

        assert await rig.deliverer.deliver(await rig.job()) == Done()
        assert rig.queued == []

    async def test_an_order_that_is_not_there_is_dead(self, rig: Rig) -> None:
        await rig.paid()
        job = await rig.job()

        gone = dataclasses.replace(job, payload={"order_id": "ord_x"})
        assert await rig.deliverer.deliver(gone) == Dead("order_unknown")
        unknown = dataclasses.replace(job, payload={**job.payload, "refund_id": "rfd_x"})
        assert await rig.deliverer.deliver(unknown) == Dead("refund_unknown")


def test_the_templates_are_there() -> None:
    folder = Path(templates_root()) / "messages" / "zh_hans"

    assert all((folder / f"{code}.txt").is_file() for code in ("paid", "refunded", "settlement_refused"))
