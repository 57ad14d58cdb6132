"""What a customer has paid: shown by the page, searched by month, kind and sum, and chosen from for a receipt."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from bot.dialogue.acts import Act, Understanding
from bot.dialogue.looking_back import MORE, PAST, Page, read_search
from bot.dialogue.offers import Offers
from bot.dialogue.scene import PlacedOrder
from bot.dialogue.session import Awaiting
from bot.dialogue.steps import Option
from bot.dialogue.turn import Turn
from bot.dialogue.wishes import Choice
from bot.kernel.clock import business_day

PAGE: Final = 5
# Under this name a conversation holds the order whose invoice was asked for last.
INVOICE: Final = "invoice"
_INVOICE: Final = re.compile(r"发票|开票|税票|invoice")
_NOT_PAST: Final = frozenset({Act.REFUND, Act.NOT_CREDITED, Act.WRONG_ACCOUNT, Act.DUPLICATE, Act.APPLY})


class History:
    """Holds no state of its own; where one has come to in a list is in the conversation's."""

    def __init__(self, offers: Offers, receipt_url: str) -> None:
        self._offers = offers
        self._receipt_url = receipt_url
        self.choices: Mapping[str, Choice] = {"receipt": self.choose_receipt}

    async def take(self, turn: Turn, text: str, simple: str, meant: Understanding) -> bool:
        """Turn the page, or look for payments of the past that are asked for in other words than 缴费记录."""
        page = turn.state.page
        if page is not None and MORE.match(simple):
            await self._show(turn, page)
            return True
        if meant.act not in (*_NOT_PAST, Act.RECEIPT) and PAST.search(simple):
            await self.answer(turn, Understanding(Act.HISTORY, meant.scene, 1.0, meant.slots), simple)
            return True
        return False

    async def answer(self, turn: Turn, meant: Understanding, simple: str) -> None:
        """Show what was paid, or ask for which of it a receipt is wanted."""
        wish = "history"
        if meant.act is Act.RECEIPT:
            wish = "invoice" if _INVOICE.search(simple) else "receipt"
        scene = meant.scene or self._offers.scene_in(simple) or ""
        today = business_day(turn.context.at)
        await self._show(turn, read_search(simple, meant.slots, scene, today, wish))

    async def _show(self, turn: Turn, page: Page) -> None:
        found = await turn.context.orders.found(turn.context.customer_id, page, PAGE + 1)
        orders, more = found[:PAGE], len(found) > PAGE
        turn.state.page = replace(page, last=orders[-1].id) if more else None
        if not orders:
            turn.say("history_none" if page.amount or page.since or page.scene or page.last else "history_empty")
        elif page.wish == "history":
            facts = {"orders": orders, "receipt_url": self._receipt_url, "more": more, "searched": page.last == ""}
            turn.say("history_page", facts)
        elif len(found) == 1 and not page.last:
            self._link(turn, orders[0], page.wish)
        else:
            self._choice(turn, orders, page.wish, more=more)

    def _choice(self, turn: Turn, orders: Sequence[PlacedOrder], wish: str, *, more: bool) -> None:
        options = [
            Option(f"receipt:{wish}:{order.id}", f"{order.created_at:%m-%d} {order.title}", order.amount)
            for order in orders
        ]
        turn.state.menu = Awaiting("menu", "choice", options)
        turn.ask("receipt_choice", {"options": options, "more": more, "invoice": wish == "invoice"})

    async def choose_receipt(self, turn: Turn, which: str) -> None:
        """Hand out the link to one of the customer's own receipts."""
        wish, _, order_id = which.partition(":")
        order = await turn.context.orders.own(turn.context.customer_id, order_id)
        if order is None:
            turn.say("history_none")
        else:
            self._link(turn, order, wish)

    def _link(self, turn: Turn, order: PlacedOrder, wish: str) -> None:
        if wish == "invoice":
            turn.state.held[INVOICE] = order.id
        url = f"{self._receipt_url}/{order.token}"
        turn.say("receipt_link", {"order": order, "url": url, "invoice": wish == "invoice"})
