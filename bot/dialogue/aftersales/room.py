"""After-sales in the chat: which order is meant, what is so, what is mended at once, and a ticket for the rest."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.billers.port import Refusal
from bot.cases.book import SAID, seal_words
from bot.dialogue.acts import Act, Understanding
from bot.dialogue.aftersales import cues as own
from bot.dialogue.aftersales.complaints import Complaints
from bot.dialogue.aftersales.finding import narrowed
from bot.dialogue.aftersales.hands import Hands
from bot.dialogue.aftersales.invoicing import Invoices
from bot.dialogue.aftersales.menus import HUMAN, LEAVE, MOST, order_option, put
from bot.dialogue.aftersales.story import matter_facts, returnable, returnable_surplus, story
from bot.dialogue.scene import Context, PlacedOrder
from bot.dialogue.steps import Facts, Option
from bot.dialogue.topics import topic_name
from bot.dialogue.turn import Turn
from bot.jobs.outbox import enqueue
from bot.jobs.port import NewJob
from bot.kernel.clock import business_day
from bot.kernel.errors import Conflict
from bot.payments.dossier import Dossier, Dossiers
from bot.payments.values import Order, Refund
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault

_SHOWN: Final = 5
_NUMBERS: Final = ("account", "phone", "plate")
_WISHES: Final = frozenset({Act.REFUND, Act.NOT_CREDITED, Act.WRONG_ACCOUNT, Act.DUPLICATE})


@dataclass(frozen=True, slots=True)
class Means:
    """What the room is made of. ``refund_limit`` is what a customer may ask back without a person, in fen."""

    database: Database
    vault: Vault
    dossiers: Dossiers
    hands: Hands
    complaints: Complaints
    receipt_url: str
    cashier_url: str
    refund_limit: int


class AfterSales:
    """Answers the acts that open no frame. The facts come first; what can be mended safely is mended at once.

    What was said goes into a case sealed: it may tell anything about anybody.
    """

    def __init__(self, means: Means) -> None:
        self._m = means
        self._invoices = Invoices(means.complaints, means.dossiers)
        # What the choices of this room do: the verb before the colon, given what follows it.
        self.choices: Mapping[str, Callable[[Turn, str], Awaitable[None]]] = {
            **means.complaints.choices,
            "about": self._about,
            "file": self._file,
            "giveback": self._ask_giving_back,
            "refund": self._give_back,
            "asis": self._leave,
        }

    async def answer(self, turn: Turn, meant: Understanding, simple: str) -> None:
        """Answer a request of an act that opens no frame; ``simple`` is what was said, simplified."""
        if meant.act in _WISHES:
            await self._complain(turn, meant.act.value, meant, simple)
        elif meant.act in (Act.HISTORY, Act.RECEIPT):
            turn.say(*await self._history(turn.context, meant))
        elif meant.act is Act.HELP:
            turn.say("help")
        else:
            turn.say("bind_how" if meant.act is Act.BIND else "not_offered")

    async def take(self, turn: Turn, text: str, simple: str, meant: Understanding) -> bool:
        """Take a message of after-sales before its act is looked at; False for any other."""
        if await self._m.complaints.answer(turn, simple, lambda verb, rest: self.choices[verb](turn, rest)):
            return True
        if await self._invoices.take(turn, text, simple):
            return True
        if own.ANY.search(simple) is None:
            return False
        if await self._m.complaints.heard(turn, text, simple):
            return True
        if own.REFUND_WHERE.search(simple):
            await self._complain(turn, "refund_state", meant, simple)
            return True
        # Within a business it is the amount of that business that is wrong.
        if turn.frame is None and turn.state.menu is None and own.WRONG_AMOUNT.search(simple):
            await self._complain(turn, "wrong_amount", meant, simple)
            return True
        return False

    async def hand_off(self, turn: Turn) -> None:
        """Tell the desk that a customer wants a person, with what was said last."""
        context = turn.context
        paid = await context.orders.paid(context.customer_id, _SHOWN, None)
        subject = paid[0].id if paid else context.customer_id
        key = f"{context.customer_id}:human:{subject}"
        facts = {
            "wish": "human",
            # The customer may mean any of these; whoever works the case asks which.
            "orders": [{"id": order.id, "title": order.title, "amount": order.amount} for order in paid],
            SAID: seal_words(self._m.vault, [f"{by}: {words}" for by, words in turn.state.transcript]),
        }
        job = NewJob(
            kind="case",
            # Said again after the case was closed, it opens the case again.
            key=f"customer:{key}:{context.trace_id}",
            dest="desk",
            payload={"kind": "customer", "key": key, "subject": subject, "facts": facts},
            trace_id=context.trace_id,
        )

        async def work(tx: Tx) -> None:
            await enqueue(tx, [job], context.at)

        await self._m.database.effect(work)

    async def _history(self, context: Context, meant: Understanding) -> tuple[str, Facts]:
        paid: Sequence[PlacedOrder] = await context.orders.paid(context.customer_id, _SHOWN, meant.scene)
        if not paid:
            return "history_empty", {}
        code = "receipts" if meant.act is Act.RECEIPT else "history"
        return code, {"orders": paid, "receipt_url": self._m.receipt_url}

    # --- which order is meant ----------------------------------------------------------------------------------------

    async def _complain(self, turn: Turn, wish: str, meant: Understanding, simple: str) -> None:
        context = turn.context
        dispute = own.dispute(wish, simple)
        known = await self._m.dossiers.candidates(context.customer_id)
        # Of a wrong account it is not known which of the two is said, the one that was paid or the one that was meant.
        slots = {key: value for key, value in meant.slots.items() if wish != "wrong_account" or key not in _NUMBERS}
        found = narrowed(known, meant.scene, slots, own.day_meant(simple, business_day(context.at)))
        orders = await self._likely(found.orders, wish, context.customer_id)
        if not orders:
            # Somebody else may have paid, in another app or at a counter: a person can find it.
            options = (HUMAN, Option(f"file:{wish}:{dispute}:", "file"))
            put(turn, "after_none", options, {"scene": topic_name(meant.scene) if meant.scene else ""})
        elif len(orders) == 1 and not found.missed:
            said = next((str(meant.slots[key]) for key in _NUMBERS if key in meant.slots), "")
            await self._look(turn, wish, dispute, orders[0].id, said if wish == "wrong_account" else "")
        else:
            choices = tuple(order_option(each, f"about:{wish}:{dispute}:{each.id}") for each in orders[:MOST])
            put(turn, "after_which", (*choices, HUMAN), {"missed": found.missed})

    async def _likely(self, orders: Sequence[Order], wish: str, customer_id: str) -> Sequence[Order]:
        """Return the orders that a wish can be about at all where some are, else all."""
        if len(orders) < 2 or wish not in ("refund_state", "duplicate"):
            return orders
        likely: list[Order] = []
        for order in orders[: 2 * MOST]:
            dossier = await self._m.dossiers.of(order.id, customer_id)
            if dossier is None:
                continue
            money = bool(dossier.surplus)
            if wish == "refund_state":
                money = money or bool(dossier.refunds)
            elif dossier.twins and not any(twin in likely for twin in dossier.twins):
                money = True
            if money:
                likely.append(order)
        return likely or orders

    # --- what is so, and what follows --------------------------------------------------------------------------------

    async def _about(self, turn: Turn, rest: str) -> None:
        wish, dispute, order_id = _three(rest)
        await self._look(turn, wish, dispute, order_id)

    async def _look(self, turn: Turn, wish: str, dispute: str, order_id: str, account: str = "") -> None:
        """Check the facts of an order, asking again whatever is under way, and say what they mean for a wish."""
        dossier = await self._fresh(turn, order_id)
        if dossier is None:
            put(turn, "after_none", (HUMAN,), {"scene": ""})
            return
        told = story(dossier, wish, dispute, turn.context.at, self._m.refund_limit)
        for said in told.says:
            facts = {**said.facts, "cashier_url": self._m.cashier_url} if said.code == "after_unpaid" else said.facts
            turn.say(said.code, facts)
        if told.ticket is not None:
            await self._open(turn, wish, told.ticket, dossier, account)
        elif told.offers:
            put(turn, "after_offer", (*told.offers, LEAVE))

    async def _fresh(self, turn: Turn, order_id: str) -> Dossier | None:
        customer_id = turn.context.customer_id
        dossier = await self._m.dossiers.of(order_id, customer_id)
        # Twice, for a payment that is found by asking has billers to be told.
        for _ in range(2):
            if dossier is None or not await self._m.hands.ask_again(dossier):
                break
            dossier = await self._m.dossiers.of(order_id, customer_id)
        return dossier

    async def _file(self, turn: Turn, rest: str) -> None:
        wish, dispute, order_id = _three(rest)
        if not order_id:
            await self._m.complaints.file(turn, wish, dispute, None, {})
            return
        dossier = await self._m.dossiers.of(order_id, turn.context.customer_id)
        if dossier is None:
            put(turn, "after_none", (HUMAN,), {"scene": ""})
        else:
            await self._open(turn, wish, dispute, dossier, "")

    async def _open(self, turn: Turn, wish: str, dispute: str, dossier: Dossier, account: str) -> None:
        # What was said is one wish, whether the refund or its state was asked for.
        wish = "refund" if wish == "refund_state" else wish
        facts = matter_facts(dossier, account)
        await self._m.complaints.file(turn, wish, dispute, dossier.order, facts, account)

    # --- money back --------------------------------------------------------------------------------------------------

    async def _ask_giving_back(self, turn: Turn, rest: str) -> None:
        """Show what would go back, and ask for an explicit yes: only that starts a refund."""
        amount = await self._due_back(turn, rest)
        if amount is None:
            turn.say("after_not_refunded")
        else:
            put(turn, "after_confirm", (Option(f"refund:{rest}", "refund_now"), LEAVE), {"amount": amount})

    async def _give_back(self, turn: Turn, rest: str) -> None:
        """Start a refund that was confirmed; whether it may be is looked at anew."""
        amount = await self._due_back(turn, rest)
        if amount is None:
            turn.say("after_not_refunded")
            return
        kind, key, order_id = _three(rest)
        customer_id = turn.context.customer_id
        made: Refund | Refusal
        try:
            if kind == "line":
                made = await self._m.hands.give_back_line(order_id, key, customer_id)
            else:
                made = await self._m.hands.give_back_surplus(key, customer_id)
        except Conflict:
            made = Refusal("suspense_state")
        if isinstance(made, Refusal):
            turn.say("after_not_refunded")
        else:
            turn.say("after_refunding", {"refund": made})

    async def _due_back(self, turn: Turn, rest: str) -> int | None:
        """Return the fen that a choice would give back; None where nothing may go back by it (any more)."""
        kind, key, order_id = _three(rest)
        dossier = await self._m.dossiers.of(order_id, turn.context.customer_id)
        if dossier is None:
            return None
        if kind == "line":
            lines = returnable(dossier, self._m.refund_limit)
            return next((line.amount for line in lines if line.id == key), None)
        surplus = returnable_surplus(dossier, self._m.refund_limit)
        return next((each.receipt.amount for each in surplus if each.receipt.id == key), None)

    async def _leave(self, turn: Turn, rest: str) -> None:
        turn.say("left_as_is")


def _three(rest: str) -> tuple[str, str, str]:
    first, _, more = rest.partition(":")
    second, _, third = more.partition(":")
    return first, second, third
