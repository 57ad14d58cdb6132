"""The customer's own tickets in the chat: opened, shown, added to, withdrawn and opened again."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from bot.cases.book import SAID, seal_words
from bot.cases.tickets import Complaint, Ticket, Tickets
from bot.dialogue import cues
from bot.dialogue.aftersales import cues as own
from bot.dialogue.aftersales.menus import HUMAN, LEAVE, MOST, put
from bot.dialogue.steps import Option
from bot.dialogue.turn import Turn
from bot.payments.values import Order
from bot.storage.vault import Vault

# Choices that are carried out only when they are confirmed: a yes is the first of them, a no the second.
_CONFIRMED: Final = frozenset({"refund", "endticket"})
_ENTRIES_SHOWN: Final = 6
# What is no complaint is not answered like one.
_SAID_OF: Final = {("invoice", "new"): "invoice_new"}


class Complaints:
    """Answers what is said about tickets; all of it is about tickets of the customer who says it."""

    def __init__(self, tickets: Tickets, vault: Vault) -> None:
        self._tickets = tickets
        self._vault = vault
        self.choices: Mapping[str, Callable[[Turn, str], Awaitable[None]]] = {
            "ticket": self.show,
            "unticket": self.ask_withdrawal,
            "endticket": self.withdraw,
            "reticket": self.reopen,
        }

    async def file(
        self, turn: Turn, wish: str, dispute: str, order: Order | None, facts: Mapping[str, object], said: str = ""
    ) -> None:
        """Open the ticket of a wish and order, or find the one that is open; tell its number and its time."""
        context = turn.context
        transcript = [f"{by}: {words}" for by, words in turn.state.transcript]
        complaint = Complaint(
            customer_id=context.customer_id,
            channel=context.channel,
            account=context.account,
            wish=wish,
            disposition=dispute,
            trace_id=context.trace_id,
            order_id=order.id if order is not None else None,
            title=order.title if order is not None else "",
            amount=order.amount if order is not None else None,
            facts={**facts, SAID: seal_words(self._vault, transcript)},
        )
        ticket, how = await self._tickets.open(complaint, context.at)
        if said:
            await self._tickets.remark(ticket, said, context.at)
        turn.say(_SAID_OF.get((wish, how), f"ticket_{how}"), {"ticket": ticket})

    async def heard(self, turn: Turn, text: str, simple: str) -> bool:
        """Take a message that is about tickets; False for any other, and for words that only may be about one."""
        number = own.NUMBER.search(simple)
        if number is not None:
            ticket = await self._tickets.by_number(f"T{number[1]}", turn.context.customer_id)
            if ticket is None:
                turn.say("ticket_not_found")
            else:
                await self._about(turn, ticket, text, simple)
            return True
        if own.WITHDRAW.search(simple):
            return await self._chosen(turn, True, "unticket", self.ask_withdrawal, "ticket_none")
        if own.TICKETS.search(simple):
            await self._list(turn)
            return True
        if own.REOPEN.search(simple):
            return await self._chosen(turn, False, "reticket", self.reopen, "")
        return await self._remarked(turn, text, simple)

    async def answer(self, turn: Turn, simple: str, do: Callable[[str, str], Awaitable[None]]) -> bool:
        """Take a yes or a no to a choice that waits to be confirmed; ``do`` carries out a verb with what follows it."""
        menu = turn.state.menu
        if menu is None or menu.options[0].value.partition(":")[0] not in _CONFIRMED:
            return False
        verb, _, rest = menu.options[0].value.partition(":")
        if cues.YES.match(simple):
            turn.state.menu = None
            await do(verb, rest)
            return True
        if cues.NO.match(simple):
            turn.state.menu = None
            turn.say("left_as_is")
            return True
        return False

    async def show(self, turn: Turn, number: str) -> None:
        """Tell how a ticket stands, in plain words."""
        ticket = await self._tickets.by_number(number, turn.context.customer_id)
        if ticket is None:
            turn.say("ticket_not_found")
            return
        late = ticket.state == "open" and ticket.due_at < turn.context.at
        turn.say("ticket_show", {"ticket": ticket, "entries": ticket.entries[-_ENTRIES_SHOWN:], "late": late})

    async def ask_withdrawal(self, turn: Turn, number: str) -> None:
        """Ask whether a ticket is really to be withdrawn."""
        ticket = await self._tickets.by_number(number, turn.context.customer_id)
        if ticket is None:
            turn.say("ticket_not_found")
        elif ticket.state != "open":
            await self.show(turn, number)
        else:
            options = (Option(f"endticket:{number}", "withdraw"), LEAVE)
            put(turn, "ticket_withdraw", options, {"ticket": ticket})

    async def withdraw(self, turn: Turn, number: str) -> None:
        """End a ticket at its customer's word."""
        ticket = await self._tickets.by_number(number, turn.context.customer_id)
        if ticket is None:
            turn.say("ticket_not_found")
        elif await self._tickets.withdraw(ticket, turn.context.at):
            turn.say("ticket_withdrawn", {"ticket": ticket})
        else:
            await self.show(turn, number)

    async def reopen(self, turn: Turn, number: str) -> None:
        """Open a ticket again whose end has not helped."""
        ticket = await self._tickets.by_number(number, turn.context.customer_id)
        if ticket is None:
            turn.say("ticket_not_found")
            return
        again = await self._tickets.reopen(ticket, turn.context.at)
        turn.say("ticket_again" if ticket.state != "open" else "ticket_known", {"ticket": again})

    async def _about(self, turn: Turn, ticket: Ticket, text: str, simple: str) -> None:
        if own.WITHDRAW.search(simple) or cues.CANCEL.match(own.NUMBER.sub("", simple).strip(" ,，")):
            await self.ask_withdrawal(turn, ticket.number)
        elif own.REMARK.match(simple):
            await self._remark(turn, ticket, text)
        elif own.REOPEN.search(simple):
            await self.reopen(turn, ticket.number)
        else:
            await self.show(turn, ticket.number)

    async def _list(self, turn: Turn) -> None:
        mine = await self._tickets.of_customer(turn.context.customer_id, MOST)
        if not mine:
            put(turn, "ticket_none", (HUMAN,))
        elif len(mine) == 1:
            await self.show(turn, mine[0].number)
        else:
            put(turn, "ticket_which", _options(mine, "ticket"))

    async def _chosen(
        self, turn: Turn, are_open: bool, verb: str, do: Callable[[Turn, str], Awaitable[None]], none: str
    ) -> bool:
        """Do something to the one ticket that it can be done to, or ask to which; with none of them say ``none``."""
        mine = await self._tickets.of_customer(turn.context.customer_id, MOST)
        fitting = [ticket for ticket in mine if (ticket.state == "open") is are_open]
        if len(fitting) == 1:
            await do(turn, fitting[0].number)
        elif fitting:
            put(turn, "ticket_which", _options(fitting, verb))
        elif none:
            put(turn, none, (HUMAN,))
        return bool(fitting or none)

    async def _remarked(self, turn: Turn, text: str, simple: str) -> bool:
        awaiting = turn.frame.awaiting if turn.frame is not None else None
        if not own.REMARK.match(simple) or (awaiting is not None and awaiting.kind in ("text", "field")):
            return False
        mine = await self._tickets.of_customer(turn.context.customer_id, MOST)
        newest = next((ticket for ticket in mine if ticket.state == "open"), None)
        if newest is None:
            return False
        await self._remark(turn, newest, text)
        return True

    async def _remark(self, turn: Turn, ticket: Ticket, text: str) -> None:
        words = own.REMARK.sub("", cues.simple(text), count=1).strip()
        # What was said is kept as it was written: folding is for reading only.
        said = text[-len(words) :] if words and len(cues.simple(text)) == len(text) else words
        if not said:
            turn.say("ticket_remark_how")
        elif await self._tickets.remark(ticket, said, turn.context.at):
            turn.took = "remark"
            turn.say("ticket_remarked", {"ticket": ticket})
        else:
            await self.show(turn, ticket.number)


def _options(tickets: Sequence[Ticket], verb: str) -> list[Option]:
    return [Option(f"{verb}:{each.number}", f"{each.number} {each.title}".strip(), each.amount) for each in tickets]
