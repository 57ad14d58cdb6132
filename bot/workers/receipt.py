"""Writes to the customer when a payment or a refund has come to its end."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from bot.channels.miniprogram.inbound import CHANNEL as MINI
from bot.channels.official import outbound
from bot.channels.official.inbound import CHANNEL
from bot.customers.identities import Identities
from bot.dialogue.reply import Part, Text
from bot.jobs.port import Again, Dead, Done, Job, NewJob
from bot.kernel.clock import Clock
from bot.kernel.errors import NotFound
from bot.payments import work
from bot.payments.orders import Orders
from bot.payments.receipts import Receipts
from bot.payments.refunds import Refunds
from bot.payments.values import Order
from bot.words.render import render_message

Enqueue = Callable[[Sequence[NewJob]], Awaitable[None]]

# An answer to a payment is news for as long as WeChat lets us write without having been written to.
_STALE: Final = timedelta(days=2)
# Who took money without booking it, or booked it and has given it back.
_NOT_BOOKED: Final = frozenset({"refused", "reversed"})


class ReceiptDeliverer:
    """Turns a ``receipt`` job into a message of the channel from which the order came.

    The words are those for the state that the order is in when it is delivered.
    """

    kind = work.RECEIPT

    def __init__(
        self,
        receipts: Receipts,
        refunds: Refunds,
        orders: Orders,
        identities: Identities,
        enqueue: Enqueue,
        clock: Clock,
        public_url: str,
    ) -> None:
        self._receipts = receipts
        self._refunds = refunds
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
        except NotFound as fault:
            return Dead(fault.code)
        if order.customer_id is None or order.channel not in (CHANNEL, MINI) or order.account is None:
            return Done()
        address = await self._identities.address(order.customer_id, order.channel, order.account)
        if address is None:
            return Done()
        try:
            text = await self._words(order, job.payload.get("refund_id"), address.script)
        except NotFound as fault:
            return Dead(fault.code)
        parts: list[Part] = [Text(text)]
        key = f"receipt:{job.key}"
        message = outbound.custom_job(
            address.account, address.subject, parts, key=key, trace_id=job.trace_id, channel=address.channel
        )
        await self._enqueue([message])
        return Done()

    async def _words(self, order: Order, refund_id: str | None, script: str) -> str:
        """Return the message. Money that no order could take goes back without any receipt: its order is not paid."""
        if refund_id is not None:
            refund = await self._refunds.get(refund_id)
            return render_message("refunded", script, amount=refund.amount, title=order.title)
        receipt = await self._receipts.of_order(order.id)
        if any(line.state in _NOT_BOOKED for line in receipt.lines):
            return render_message("settlement_refused", script, title=receipt.title)
        url = f"{self._public_url}/receipts/{receipt.token}"
        return render_message("paid", script, receipt=receipt, url=url)
