"""The ways beside a business: greetings, the customer's own orders and saved accounts, complaints, a person."""

from collections.abc import Awaitable, Callable, Mapping

from bot.dialogue import cues
from bot.dialogue.acts import Act, Understanding
from bot.dialogue.aftersales.room import AfterSales
from bot.dialogue.offers import Offers
from bot.dialogue.turn import Turn


class Beside:
    """Does what opens no frame. Holds no state of its own."""

    def __init__(self, after: AfterSales, offers: Offers, cashier_url: str) -> None:
        self._after = after
        self._offers = offers
        self._cashier_url = cashier_url
        # What the choices of this room's menus do: the verb before the colon, given what follows it.
        self.choices: Mapping[str, Callable[[Turn, str], Awaitable[None]]] = {
            "drop": self.drop_order,
            "forget": self.forget,
            "stop": self.stop_deductions,
            **after.choices,
        }

    async def answer(self, turn: Turn, meant: Understanding, simple: str) -> None:
        """Answer a request of an act that opens no frame; ``simple`` is what was said, simplified."""
        if meant.act is Act.HUMAN:
            await self.hand_off(turn)
        elif meant.act is Act.GREET:
            await self._greet(turn, simple)
        elif meant.act is Act.AUTOPAY:
            await self._autopay(turn, simple)
        elif meant.act is Act.BIND and cues.UNBIND.search(simple):
            await self._unbind(turn)
        else:
            await self._after.answer(turn, meant, simple)

    async def hand_off(self, turn: Turn) -> None:
        """Let a person answer from here; what was under way waits as long as its frames live."""
        turn.state.failures = turn.state.give_ups = 0
        turn.state.menu = None
        turn.hand_off = turn.asked = True
        await self._after.hand_off(turn)
        turn.say("handed_off")

    async def remind(self, turn: Turn) -> bool:
        """Take one more yes after the last as a wish to pay what was agreed to; False when nothing waits for it."""
        orders = await turn.context.orders.waiting(turn.context.customer_id)
        if orders:
            turn.say("order_waiting", {"order": orders[0], "cashier_url": self._cashier_url})
        return bool(orders)

    async def cancel_order(self, turn: Turn) -> bool:
        """Cancel the order that waits for payment, or ask which; False when there is none.

        What is only being agreed to is no order yet.
        """
        frame = turn.frame
        if frame is not None and frame.awaiting is not None and frame.awaiting.kind == "confirm":
            return False
        orders = await turn.context.orders.waiting(turn.context.customer_id)
        if len(orders) == 1:
            await self.drop_order(turn, orders[0].id)
        elif orders:
            await self._offers.orders_to_cancel(turn, orders)
        return bool(orders)

    async def drop_order(self, turn: Turn, order_id: str) -> None:
        """Begin to close one of the customer's own orders; what is under way looks at its bills again."""
        dropped = await turn.context.orders.cancel(order_id, turn.context.customer_id)
        turn.say("order_cancelled" if dropped else "order_not_cancelled")
        for frame in turn.state.frames:
            frame.found = None

    async def forget(self, turn: Turn, saved_id: str) -> None:
        """Forget one of the customer's own saved accounts."""
        forgotten = await turn.context.saved.forget(turn.context.customer_id, saved_id)
        turn.say("forgotten" if forgotten else "nothing_saved")

    async def stop_deductions(self, turn: Turn, agreement_id: str) -> None:
        """End one of the customer's own contracts for deduction."""
        stopped = await turn.context.deductions.stop(agreement_id, turn.context.customer_id)
        turn.say("autopay_stopped" if stopped else "autopay_none")

    async def _autopay(self, turn: Turn, simple: str) -> None:
        """Show what may be deducted; end it at one word, as every notice of a deduction promises."""
        standing = await turn.context.deductions.standing(turn.context.customer_id)
        stop = cues.STOP.search(simple) is not None
        if not standing:
            turn.say("autopay_none" if stop else "not_offered")
        elif not stop:
            turn.say("autopay_standing", {"agreements": standing})
        elif len(standing) == 1:
            await self.stop_deductions(turn, standing[0].id)
        else:
            await self._offers.agreements_to_stop(turn, standing)

    async def _greet(self, turn: Turn, simple: str) -> None:
        if cues.THANKS.match(simple):
            turn.say("not_at_all")
        elif turn.state.frames:
            turn.say("greeting_back")
        else:
            await self._offers.menu(turn, "greeting")

    async def _unbind(self, turn: Turn) -> None:
        saved = await turn.context.saved.of(turn.context.customer_id)
        if saved:
            await self._offers.accounts_to_forget(turn, saved)
        else:
            turn.say("nothing_saved")
