"""Follows up notices that tell only how much of a charge went back so far: which refund it was, a query has to say.

Alipay's notice of a refund bears the sum of all refunds of the trade (payments.md §4.2), so nothing is booked on it. It
makes a job, which asks about our refunds of that charge that are under way, and where the sum is more than they come to
about the refund that the notice names. What the gateway confirms of it is adopted through the door of every notice.
"""

import hashlib
from dataclasses import asdict
from typing import Final

from bot.jobs.outbox import enqueue
from bot.kernel.clock import Clock, to_micros
from bot.payments import work
from bot.payments.credit_item import Credited, Outcome
from bot.payments.facts import Missing, Notice, RefundedSum, RefundFact, RefundRef, Unknown
from bot.payments.refunds import Over, Refunds, Waiting
from bot.payments.registry import Gateways
from bot.payments.states import LIVE, quoted
from bot.storage.port import Database, Reader, Tx

_INBOX: Final = """
INSERT INTO inbox (gateway, account, notice_id, kind, body_digest, outcome, charge_id, trace_id, received_at)
VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8)
ON CONFLICT (gateway, account, notice_id) DO NOTHING
"""
_OPEN: Final = """
SELECT id FROM refunds WHERE out_trade_no = $1 AND gateway = $2 AND gateway_account = $3
  AND state IN ('pending', 'unknown', 'abnormal') ORDER BY created_at, id
"""
_BOOKED: Final = """
SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS amount FROM refunds
WHERE out_trade_no = $1 AND gateway = $2 AND gateway_account = $3 AND state = 'succeeded'
"""
_CHARGE: Final = f"""
SELECT CASE WHEN c.state IN ({quoted(LIVE)}) THEN 1 ELSE 0 END AS live,
  CASE WHEN c.state = 'paid' OR EXISTS (SELECT 1 FROM suspense s WHERE s.out_trade_no = c.out_trade_no
    AND s.gateway = c.gateway AND s.gateway_account = c.gateway_account) THEN 1 ELSE 0 END AS counted
FROM charges c WHERE c.out_trade_no = $1 AND c.gateway = $2 AND c.gateway_account = $3
"""  # noqa: S608 - The names of our own states.
# A payment that is under way is credited first: what went back of it comes after.
_UNPAID_SECONDS: Final = 60.0


class RefundSums:
    """Takes such notices in, and finds out what each was about."""

    def __init__(self, database: Database, clock: Clock, gateways: Gateways, refunds: Refunds) -> None:
        self._database = database
        self._clock = clock
        self._gateways = gateways
        self._refunds = refunds

    async def of_notice(self, gateway: str, notice: Notice, told: RefundedSum, trace_id: str) -> Credited:
        """Record a verified notice and have the gateway asked; a repeat changes nothing."""
        now = self._clock.now()
        merchant_id, _ = self._gateways.get(gateway).owner(notice.account)
        named = (gateway, notice.account, notice.id, notice.kind, notice.body_digest, str(Outcome.RECORDED), trace_id)

        async def take(tx: Tx) -> Credited:
            if not await tx.execute(_INBOX, *named, to_micros(now)):
                return Credited(Outcome.RECORDED, repeated=True)
            if told.merchant_id == merchant_id:
                job = work.refund_sum(gateway, notice.account, notice.id, asdict(told), trace_id)
            else:
                facts = {"out_refund_no": told.out_refund_no, "gateway": gateway, "amount": told.so_far}
                job = work.case("refund_foreign", notice.id, notice.id, facts, trace_id)
            await enqueue(tx, [job], now)
            return Credited(Outcome.RECORDED)

        return await self._database.effect(take)

    async def settle(self, gateway: str, account: str, told: RefundedSum, trace_id: str) -> Waiting | Over:
        """Ask until our books have what the notice told, or until it is a person's to find out why they have not."""
        place = (told.out_trade_no, gateway, account)
        charge = await self._database.row(_CHARGE, *place)
        if charge is not None and charge["live"]:
            return Waiting("charge_open", _UNPAID_SECONDS)
        if charge is not None and not charge["counted"]:
            # We undid it ourselves, or gave it up before it was paid: its money was never in the books.
            return Over("not_counted")
        for row in await self._database.rows(_OPEN, *place):
            await self._refunds.ask(row["id"])
        if told.so_far <= await _booked(self._database, place):
            return Over("known")
        return await self._ask(gateway, account, told, trace_id)

    async def _ask(self, gateway: str, account: str, told: RefundedSum, trace_id: str) -> Waiting | Over:
        """Ask about the refund that the notice names, whatever its amount is: the notice does not tell it."""
        reference = RefundRef(told.out_refund_no, told.out_trade_no, account, None)
        answer = await self._gateways.get(gateway).refund_query(reference)
        if isinstance(answer, Unknown):
            return Waiting(answer.reason)
        if isinstance(answer, RefundFact):
            notice = Notice(_answer_id(answer), account, answer, "query", _digest(answer))
            await self._refunds.of_notice(gateway, notice, answer, trace_id)
        booked = await _booked(self._database, (told.out_trade_no, gateway, account))
        if told.so_far <= booked:
            return Over("adopted")
        if not isinstance(answer, Missing) and answer.state != "succeeded":
            return Over("under_way")
        await self._unexplained(gateway, account, told, booked, trace_id)
        return Over("unexplained")

    async def _unexplained(self, gateway: str, account: str, told: RefundedSum, booked: int, trace_id: str) -> None:
        """More went back than the gateway's own answers account for."""
        facts = {
            "out_trade_no": told.out_trade_no,
            "out_refund_no": told.out_refund_no,
            "amount": told.so_far - booked,
            "gateway": gateway,
            "account": account,
        }
        key = f"{gateway}:{told.out_trade_no}:{told.so_far}"
        case = work.case("refund_unknown", key, key, facts, trace_id)
        await self._database.effect(lambda tx: enqueue(tx, [case], self._clock.now()))


async def _booked(reader: Reader, place: tuple[str, str, str]) -> int:
    row = await reader.row(_BOOKED, *place)
    return int(row["amount"]) if row is not None else 0


def _answer_id(fact: RefundFact) -> str:
    """Return the replay key of an answer: asking twice is like one notice twice."""
    return f"query:{fact.refund_id or fact.out_refund_no}:{_digest(fact)[:16]}"


def _digest(fact: RefundFact) -> str:
    parts = (fact.out_refund_no, fact.out_trade_no, fact.refund_id, str(fact.state), str(fact.amount), fact.currency)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
