"""Speaks with a gateway about one charge and records what it answers: create, query, close.

Before each call that has an effect its intent is committed; after it, the answer is recorded by compare-and-set, so a
crash or a cancellation in between leaves a charge that the sweeper asks about.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bot.jobs.outbox import enqueue
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import NotFound
from bot.payments import closing, requests, values, work
from bot.payments.credit import Credits
from bot.payments.credit_item import CONTRADICTING, RETURNED, Credited
from bot.payments.facts import (
    ASKED_FOR,
    ChargeFact,
    Closed,
    Created,
    Declined,
    Missing,
    Paid,
    PaidFact,
    Unknown,
    Waiting,
)
from bot.payments.policy import CLOSE_PAUSES, Policy, next_query, over, pause
from bot.payments.registry import Gateways
from bot.payments.states import CHARGE, quoted
from bot.payments.values import Charge
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault

_PENDING: Final = CHARGE.move(
    "created", "unknown", to="pending", sets="handover_sealed = $3, next_query_at = $4, failure = NULL"
)
_UNKNOWN: Final = CHARGE.move("created", to="unknown", sets="next_query_at = $3, failure = $4")
_FAILED: Final = CHARGE.move("created", "pending", "unknown", to="failed", sets="failure = $3, next_query_at = NULL")
_CLOSING: Final = CHARGE.move("created", "pending", "unknown", to="closing", sets="queries = 0, next_query_at = $3")
_CLOSED: Final = CHARGE.move("closing", to="closed", sets="next_query_at = NULL")
_RETURNED: Final = CHARGE.move("closing", to="closed", sets=f"next_query_at = NULL, failure = '{RETURNED}'")
_BY_ID: Final = "SELECT * FROM charges WHERE id = $1"
_ASK_LATER: Final = f"""
UPDATE charges SET queries = queries + 1, next_query_at = $2
WHERE id = $1 AND state IN ({quoted(("created", "pending", "unknown", "closing", "reversing"))})
"""  # noqa: S608 - The names of our own states.


class Next(StrEnum):
    """What follows from an answer about a charge that is not paid."""

    FAIL = "fail"  # An explicit no.
    END = "end"  # It can no longer be paid.
    CLOSE = "close"  # Past its time: close it upstream.
    CREATE_AGAIN = "create_again"  # The gateway may never have heard of it: the identical request once more.
    LATER = "later"  # Nothing is decided.


def after_query(charge: Charge, fact: ChargeFact, *, late: bool) -> Next:
    """Decide on an answer to a query; ``late`` when the charge is past its expiry. Never an end by silence alone."""
    match fact:
        case Declined():
            return Next.FAIL
        case Closed():
            return Next.END
        case _ if late:
            return Next.CLOSE
        case Missing() | Waiting() if _unanswered(charge):
            return Next.CREATE_AGAIN
        case _:
            return Next.LATER


def after_close(charge: Charge, fact: ChargeFact, *, late: bool) -> Next:
    """Decide on an answer to a close. "No such number" is believed only after the expiry (payments.md, trap 3)."""
    match fact:
        case Closed():
            return Next.END
        case Missing() if late:
            return Next.END
        case Missing() if _unanswered(charge):
            return Next.CREATE_AGAIN
        case _:
            return Next.LATER


def _unanswered(charge: Charge) -> bool:
    """Whether no answer to create has come. A scanned payment code is never sent twice: creating it is paying it."""
    return charge.handover_sealed is None and charge.way not in ASKED_FOR


class Upstream:
    """The calls about charges. Every method returns the charge as it stands after its answer was recorded."""

    def __init__(
        self, database: Database, clock: Clock, vault: Vault, gateways: Gateways, crediting: Credits, policy: Policy
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._gateways = gateways
        self._credits = crediting
        self._policy = policy

    async def load(self, charge_id: str) -> Charge:
        """Return a charge as it stands; raises NotFound(``charge_unknown``)."""
        row = await self._database.row(_BY_ID, charge_id)
        if row is None:
            raise NotFound("charge_unknown")
        return values.charge(row)

    async def create(self, charge: Charge) -> Charge:
        """Send the charge's request, the identical one however often; for a charge whose intent is committed."""
        answer = await self._gateways.get(charge.gateway).create(requests.open_request(self._vault, charge))
        self._gateways.saw(charge.gateway, charge.gateway_account, "create", answer)
        match answer:
            case Created():
                await self._handed_over(charge, answer)
            case Paid():
                await self._paid(charge, answer.fact)
            case Declined():
                await self._fail(charge, answer.code)
            case Unknown():
                await self._unknown(charge, answer.reason)
        return await self.load(charge.id)

    async def query(self, charge: Charge) -> Charge:
        """Ask how a live charge stands, and act on the answer."""
        fact = await self._gateways.get(charge.gateway).query(requests.reference(self._vault, charge))
        self._gateways.saw(charge.gateway, charge.gateway_account, "query", fact)
        if isinstance(fact, Paid):
            await self._paid(charge, fact.fact)
            return await self.load(charge.id)
        match after_query(charge, fact, late=self._late(charge)):
            case Next.FAIL:
                await self._fail(charge, fact.code if isinstance(fact, Declined) else "declined")
            case Next.END:
                await self._end(charge, fact)
            case Next.CLOSE:
                await self._begin_close(charge)
                return await self.close(await self.load(charge.id))
            case Next.CREATE_AGAIN:
                await self._later(charge)
                return await self.create(charge)
            case Next.LATER:
                await self._later(charge)
        return await self.load(charge.id)

    async def close(self, charge: Charge) -> Charge:
        """Close a charge upstream whose closing is committed, and act on the answer; "paid" wins."""
        fact = await self._close_call(charge)
        if isinstance(fact, Paid):
            await self._paid(charge, fact.fact)
        elif after_close(charge, fact, late=self._late(charge)) is Next.END:
            await self._end(charge, fact)
        else:
            await self._close_later(charge)
        return await self.load(charge.id)

    async def _close_call(self, charge: Charge) -> ChargeFact:
        gateway = self._gateways.get(charge.gateway)
        reference = requests.reference(self._vault, charge)
        fact = await gateway.close(reference)
        if after_close(charge, fact, late=self._late(charge)) is not Next.CREATE_AGAIN:
            return fact
        # What the gateway does not know it cannot close, and our first request may still be on its way: made known
        # by the identical request it can be closed for good. Its handover goes to nobody.
        answer = await gateway.create(requests.open_request(self._vault, charge))
        return answer if isinstance(answer, Paid) else await gateway.close(reference)

    def _late(self, charge: Charge) -> bool:
        return over(self._clock.now(), charge.expires_at, self._policy.expiry_grace)

    async def _handed_over(self, charge: Charge, answer: Created) -> None:
        sealed = requests.seal_handover(self._vault, answer.handover)
        now = self._clock.now()
        ask = next_query(now, charge.queries, charge.expires_at, self._policy.expiry_grace)

        async def record(tx: Tx) -> None:
            await _PENDING(tx, charge.id, to_micros(now), sealed, to_micros(ask))
            tx.signal(work.ORDER_CHANNEL)

        await self._database.effect(record)

    async def _unknown(self, charge: Charge, reason: str) -> None:
        now = self._clock.now()
        ask = next_query(now, charge.queries, charge.expires_at, self._policy.expiry_grace)
        await self._database.effect(
            lambda tx: _UNKNOWN(tx, charge.id, to_micros(now), to_micros(ask), f"no_answer:{reason[:80]}")
        )

    async def _paid(self, charge: Charge, fact: PaidFact, *, kept: bool = False) -> None:
        credited = await self._credits.of_answer(charge, fact, kept=kept)
        if credited.reason in CONTRADICTING:
            await self._contradicted(charge, credited)

    async def _contradicted(self, charge: Charge, credited: Credited) -> None:
        """The gateway itself says that the charge was paid otherwise than asked: no more will come of it.

        The money is in suspense and on a desk; a later and better word would still be credited.
        """
        now = to_micros(self._clock.now())

        async def record(tx: Tx) -> None:
            await _FAILED(tx, charge.id, now, str(credited.reason))
            await _CLOSED(tx, charge.id, now)
            await closing.finish(tx, charge.order_id, now)

        await self._database.effect(record)

    async def _fail(self, charge: Charge, code: str) -> None:
        now = to_micros(self._clock.now())

        async def record(tx: Tx) -> None:
            if await _FAILED(tx, charge.id, now, code):
                await closing.finish(tx, charge.order_id, now)
                tx.signal(work.ORDER_CHANNEL)

        await self._database.effect(record)

    async def _end(self, charge: Charge, fact: ChargeFact) -> None:
        """Record that the charge can no longer be paid; money that came and went without us is for a person."""
        moment = self._clock.now()
        now = to_micros(moment)

        async def record(tx: Tx) -> None:
            await _CLOSING(tx, charge.id, now, now)
            returned = isinstance(fact, Closed) and fact.was_paid
            if not await (_RETURNED if returned else _CLOSED)(tx, charge.id, now):
                return
            await closing.finish(tx, charge.order_id, now)
            if returned:
                facts = {"out_trade_no": charge.out_trade_no, "gateway": charge.gateway, "amount": charge.amount}
                case = work.case("paid_and_returned", charge.id, charge.order_id, facts, charge.trace_id)
                await enqueue(tx, [case], moment)
            tx.signal(work.ORDER_CHANNEL)

        await self._database.effect(record)

    async def _begin_close(self, charge: Charge) -> None:
        now = self._clock.now()
        again = now + timedelta(seconds=CLOSE_PAUSES[0])
        await self._database.effect(lambda tx: _CLOSING(tx, charge.id, to_micros(now), to_micros(again)))

    async def _later(self, charge: Charge) -> None:
        ask = next_query(self._clock.now(), charge.queries + 1, charge.expires_at, self._policy.expiry_grace)
        await self._ask_at(charge, ask)

    async def _close_later(self, charge: Charge) -> None:
        tries = charge.queries + 1
        await self._ask_at(charge, self._clock.now() + timedelta(seconds=pause(CLOSE_PAUSES, charge.queries)))
        if tries == self._policy.close_tries_before_case:
            await self._stuck(charge)

    async def _ask_at(self, charge: Charge, moment: datetime) -> None:
        await self._database.effect(lambda tx: tx.execute(_ASK_LATER, charge.id, to_micros(moment)))

    async def _stuck(self, charge: Charge) -> None:
        facts = {"out_trade_no": charge.out_trade_no, "gateway": charge.gateway, "state": charge.state}
        case = work.case("charge_stuck", charge.id, charge.order_id, facts, charge.trace_id)
        await self._database.effect(lambda tx: enqueue(tx, [case], self._clock.now()))

    async def take_paid(self, charge: Charge, fact: PaidFact, *, kept: bool = False) -> None:
        """Credit what a gateway answered about a charge, whoever asked; ``kept`` as in ``Credits.of_answer``."""
        await self._paid(charge, fact, kept=kept)
