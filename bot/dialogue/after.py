"""What comes after or beside a payment: history, receipts, complaints, and the way to a person."""

from collections.abc import Sequence
from typing import Final

from bot.cases.book import SAID, seal_words
from bot.dialogue.acts import Act, Understanding
from bot.dialogue.scene import Context, PlacedOrder
from bot.dialogue.steps import Facts
from bot.dialogue.turn import Turn
from bot.jobs.outbox import enqueue
from bot.jobs.port import NewJob
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault

_SHOWN: Final = 5
_COMPLAINTS: Final = frozenset({Act.REFUND, Act.NOT_CREDITED, Act.WRONG_ACCOUNT, Act.DUPLICATE})


class AfterSales:
    """Answers the acts that open no frame; a complaint becomes a case with the facts that we hold.

    What was said goes into the case sealed: it may tell anything about anybody.
    """

    def __init__(self, database: Database, vault: Vault, receipt_url: str) -> None:
        self._database = database
        self._vault = vault
        self._receipt_url = receipt_url

    async def answer(self, turn: Turn, meant: Understanding) -> tuple[str, Facts]:
        """Return the message code and its facts."""
        if meant.act in (Act.HISTORY, Act.RECEIPT):
            return await self._history(turn.context, meant)
        if meant.act in _COMPLAINTS:
            paid = await self._paid(turn.context, meant.scene)
            await self._case(turn, meant.act.value, paid)
            return "case_opened", {"order": paid[0] if paid else None}
        if meant.act is Act.HELP:
            return "help", {}
        return ("bind_how", {}) if meant.act is Act.BIND else ("not_offered", {})

    async def hand_off(self, turn: Turn) -> None:
        """Tell the desk that a customer wants a person, with what was said last."""
        await self._case(turn, "human", await self._paid(turn.context, None))

    async def _history(self, context: Context, meant: Understanding) -> tuple[str, Facts]:
        paid = await self._paid(context, meant.scene)
        if not paid:
            return "history_empty", {}
        code = "receipts" if meant.act is Act.RECEIPT else "history"
        return code, {"orders": paid, "receipt_url": self._receipt_url}

    async def _paid(self, context: Context, scene: str | None) -> Sequence[PlacedOrder]:
        return await context.orders.paid(context.customer_id, _SHOWN, scene)

    async def _case(self, turn: Turn, wish: str, paid: Sequence[PlacedOrder]) -> None:
        """Put a customer's wish on the desk: one case for each wish and newest order, however often it is said."""
        context = turn.context
        subject = paid[0].id if paid else context.customer_id
        key = f"{context.customer_id}:{wish}:{subject}"
        facts = {
            "wish": wish,
            # The customer may mean any of these; whoever works the case asks which.
            "orders": [{"id": order.id, "title": order.title, "amount": order.amount} for order in paid],
            SAID: seal_words(self._vault, [f"{by}: {words}" for by, words in turn.state.transcript]),
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

        await self._database.effect(work)
