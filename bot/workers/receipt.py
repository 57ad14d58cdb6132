"""Writes to the customer when a payment or a refund has come to its end."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from bot.channels.official import outbound
from bot.customers.identities import Identities
from bot.dialogue.reply import Part, Text
from bot.jobs.port import Again, Dead, Done, Job, NewJob
from bot.kernel.clock import Clock
from bot.kernel.errors import NotFound
from bot.payments import work
from bot.payments.orders import Orders
from bot.payments.receipts import Receipt, Receipts
from bot.words.render import render_message

Enqueue = Callable[[Sequence[NewJob]], Awaitable[None]]

_STALE: Final = timedelta(days=2)


class ReceiptDeliverer:
    """Turns a ``receipt`` job into a message of the channel from which the order came."""

    kind = work.RECEIPT

    def __init__(
        self,
        receipts: Receipts,
        orders: Orders,
        identities: Identities,
        enqueue: Enqueue,
        clock: Clock,
        public_url: str,
    ) -> None:
        self._receipts = receipts
        self._orders = orders
        self._identities = identities
        self._enqueue = enqueue
        self._clock = clock
        self._public_url = public_url

    async def deliver(self, job: Job) -> Done | Again | Dead:
        """Queue the message; an order that nobody can be told about, or old news, needs none."""
        if self._clock.now() - job.created_at > _STALE:
            return Done()
        try:
            order = await self._orders.get(job.payload["order_id"])
            receipt = await self._receipts.of_order(order.id)
        except NotFound as fault:
            return Dead(fault.code)
        if order.customer_id is None or order.channel is None or order.account is None:
            return Done()
        address = await self._identities.address(order.customer_id, order.channel, order.account)
        if address is None:
            return Done()
        text = self._words(receipt, job.payload.get("refund_id"), address.script)
        parts: list[Part] = [Text(text)]
        await self._enqueue(
            [
                outbound.custom_job(
                    address.account, address.subject, parts, key=f"receipt:{job.key}", trace_id=job.trace_id
                )
            ]
        )
        return Done()

    def _words(self, receipt: Receipt, refund_id: str | None, script: str) -> str:
        url = f"{self._public_url}/receipts/{receipt.token}"
        if refund_id is not None:
            return render_message("refunded", script, amount=receipt.refunded, title=receipt.title)
        if any(line.state in ("refused", "reversed") for line in receipt.lines):
            return render_message("settlement_refused", script, title=receipt.title)
        return render_message("paid", script, receipt=receipt, url=url)
