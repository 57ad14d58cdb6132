"""What after-sales may do to a payment: ask again how it stands, and give back what the policy lets a customer ask."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from bot.billers.port import Refusal
from bot.kernel.clock import Clock
from bot.kernel.errors import BotError
from bot.outside.logging import get_logger
from bot.payments.dossier import Dossier
from bot.payments.fulfilment import Fulfilment
from bot.payments.refunds import RefundAsk, Refunds
from bot.payments.sweep import Sweeper
from bot.payments.values import Refund

log = get_logger(__name__)

# How long a customer waits for others to be asked, in real seconds: the channel's deadline is 4.5.
_WITHIN: Final = 2.0
# The same thing is asked about once in so many seconds, however often a customer writes.
_PAUSE: Final = 10.0
_REMEMBERED: Final = 2_000
_AT_ONCE_MAX: Final = 6


class Hands:
    """Wraps the payment rooms in the bounds of a turn; what outlasts them, the workers carry on."""

    def __init__(self, sweeper: Sweeper, fulfilment: Fulfilment, refunds: Refunds, clock: Clock) -> None:
        self._sweeper = sweeper
        self._fulfilment = fulfilment
        self._refunds = refunds
        self._clock = clock
        self._asked: OrderedDict[str, float] = OrderedDict()

    async def ask_again(self, dossier: Dossier) -> bool:
        """Ask gateway and billers about whatever of an order is under way; True where anything was asked.

        Each question is one that the workers ask as well, and safe to repeat and to break off.
        """
        due = [(key, ask) for key, ask in self._questions(dossier) if self._is_due(key)][:_AT_ONCE_MAX]
        if due:
            await asyncio.gather(*(self._bounded(key, ask) for key, ask in due))
        return bool(due)

    async def give_back_line(self, order_id: str, line_id: str, customer_id: str) -> Refund | Refusal:
        """Ask for the refund of one line in its customer's name, once however often it is confirmed."""
        ask = RefundAsk(order_id, f"customer:{line_id}", f"customer:{customer_id}", "customer", line_id)
        return await self._refunds.request(ask)

    async def give_back_surplus(self, suspense_id: str, customer_id: str) -> Refund:
        """Give back money that no order took; raises Conflict where it was applied after all."""
        return await self._refunds.surplus(suspense_id, by=f"customer:{customer_id}")

    def _questions(self, dossier: Dossier) -> Iterator[tuple[str, Callable[[], Awaitable[object]]]]:
        charge = dossier.live
        if charge is not None:
            yield charge.id, lambda: self._sweeper.sweep_charge(charge.id)
        for line in dossier.order.lines:
            if dossier.order.paid and line.state in ("none", "sent", "unknown") and dossier.refund_of(line) is None:
                yield line.id, lambda line=line: self._fulfilment.fulfil_line(line.id)  # type: ignore[misc]
        for refund in (*dossier.refunds, *(each.refund for each in dossier.surplus)):
            if refund is not None and refund.state in ("pending", "unknown"):
                yield refund.id, lambda refund=refund: self._refunds.ask(refund.id)  # type: ignore[misc]

    def _is_due(self, key: str) -> bool:
        now = self._clock.monotonic()
        if now - self._asked.get(key, -_PAUSE) < _PAUSE:
            return False
        self._asked[key] = now
        self._asked.move_to_end(key)
        while len(self._asked) > _REMEMBERED:
            self._asked.popitem(last=False)
        return True

    async def _bounded(self, key: str, ask: Callable[[], Awaitable[object]]) -> None:
        try:
            async with asyncio.timeout(_WITHIN):
                await ask()
        except TimeoutError:
            log.info("aftersales.no_answer_yet", id=key)
        except BotError as fault:
            log.info("aftersales.not_asked", id=key, code=fault.code)
