"""What comes after or beside a payment: history, receipts, complaints, and the way to a person."""

from collections.abc import Sequence
from typing import Final

from bot.dialogue.acts import Act, Understanding
from bot.dialogue.scene import Context
from bot.dialogue.steps import Facts
from bot.jobs.outbox import enqueue
from bot.jobs.port import NewJob
from bot.storage.port import Database, Tx

_SHOWN: Final = 5
_COMPLAINTS: Final = frozenset({Act.REFUND, Act.NOT_CREDITED, Act.WRONG_ACCOUNT, Act.DUPLICATE})


class AfterSales:
    """Answers the acts that open no frame; a complaint becomes a case with the facts that we hold."""

    def __init__(self, database: Database, receipt_url: str) -> None:
        self._database = database
        self._receipt_url = receipt_url

    async def answer(self, context: Context, meant: Understanding, heard: Sequence[str]) -> tuple[str, Facts]:
        """Return the message code and its facts."""
        if meant.act in (Act.HISTORY, Act.RECEIPT):
            return await self._history(context, meant)
        if meant.act in _COMPLAINTS:
            return await self._complaint(context, meant, heard)
        if meant.act is Act.HELP:
            return "help", {}
        return "not_offered", {"act": meant.act.value}

    async def hand_off(self, context: Context, heard: Sequence[str]) -> None:
        """Tell the desk that a customer wants a person, with what was said last."""
        await self._case(context, f"human:{context.trace_id}", "human", "", heard)

    async def _history(self, context: Context, meant: Understanding) -> tuple[str, Facts]:
        orders = await context.orders.mine(context.customer_id, _SHOWN, meant.scene)
        paid = [order for order in orders if order.state == "paid"]
        if not paid:
            return "history_empty", {}
        code = "receipts" if meant.act is Act.RECEIPT else "history"
        return code, {"orders": paid, "receipt_url": self._receipt_url}

    async def _complaint(self, context: Context, meant: Understanding, heard: Sequence[str]) -> tuple[str, Facts]:
        orders = await context.orders.mine(context.customer_id, 1, meant.scene)
        order_id = orders[0].id if orders else ""
        await self._case(context, f"{meant.act.value}:{order_id or context.trace_id}", meant.act.value, order_id, heard)
        return "case_opened", {"act": meant.act.value, "order": orders[0] if orders else None}

    async def _case(self, context: Context, key: str, wish: str, order_id: str, heard: Sequence[str]) -> None:
        facts = {"wish": wish, "order_id": order_id, "said": list(heard)[-10:]}
        job = NewJob(
            kind="case",
            key=f"customer:{context.customer_id}:{key}",
            dest="desk",
            payload={
                "kind": "customer",
                "key": f"{context.customer_id}:{key}",
                "subject": order_id or context.customer_id,
                "facts": facts,
            },
            trace_id=context.trace_id,
        )

        async def work(tx: Tx) -> None:
            await enqueue(tx, [job], context.at)

        await self._database.effect(work)
