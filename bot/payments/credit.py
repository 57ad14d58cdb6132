"""The one way in which money is credited: for notices, for answers to questions and for the sweeper alike."""

import contextlib
from datetime import datetime
from typing import Final

from bot.kernel.clock import Clock
from bot.payments import credit_many, credit_one
from bot.payments.credit_item import Credit, Credited, credit_item, fingerprint
from bot.payments.credit_one import Raced
from bot.payments.facts import Notice, PaidFact
from bot.payments.registry import Gateways
from bot.payments.values import Charge
from bot.storage.port import Batch, Database, Tx

_TRIES: Final = 5


async def _one(tx: Tx, item: Credit) -> Credited | None:
    return await credit_one.credit(tx, item)


# One form, portable and set-based; on PostgreSQL None says that a receipt is not ordinary and needs the portable one.
CREDIT: Final[Batch[Credit, Credited | None]] = Batch(
    "payments.credit", one=_one, many=credit_many.credit_many, single_statement=True
)


class Credits:
    """Brings verified receipts into the books, each once, whoever tells of them and however often."""

    def __init__(self, database: Database, clock: Clock, gateways: Gateways) -> None:
        self._database = database
        self._clock = clock
        self._gateways = gateways

    async def of_notice(self, gateway: str, notice: Notice, fact: PaidFact, trace_id: str) -> Credited:
        """Credit what a verified notice tells; a repeat of the notice gets its first outcome."""
        item = credit_item(
            fact,
            gateway=gateway,
            account=notice.account,
            owner=self._gateways.get(gateway).owner(notice.account),
            notice_id=notice.id,
            kind=notice.kind,
            digest=notice.body_digest,
            trace_id=trace_id,
            now=self._now(),
        )
        return await self.credit(item)

    async def of_answer(self, charge: Charge, fact: PaidFact, *, kept: bool = False) -> Credited:
        """Credit what a gateway answered to a call about a charge.

        What was answered makes the replay key, so that asking twice is like one notice that comes twice. ``kept``: it
        has refused for good to reverse the charge, so the money stays; that is another answer than the one before.
        """
        digest = fingerprint(fact)
        item = credit_item(
            fact,
            gateway=charge.gateway,
            account=charge.gateway_account,
            owner=self._gateways.get(charge.gateway).owner(charge.gateway_account),
            notice_id=f"{'kept' if kept else 'query'}:{fact.transaction_id}:{digest[:16]}",
            kind="query",
            digest=digest,
            trace_id=charge.trace_id,
            now=self._now(),
            kept=kept,
        )
        return await self.credit(item)

    async def credit(self, item: Credit) -> Credited:
        """Carry one item through; returns after its commit."""
        try:
            result = await self._database.batch(CREDIT, item)
        except Raced:
            result = None
        if result is not None:
            return result
        for _ in range(_TRIES):
            with contextlib.suppress(Raced):
                return await self._database.effect(lambda tx: credit_one.credit(tx, item))
        raise Raced

    def _now(self) -> datetime:
        return self._clock.now()
