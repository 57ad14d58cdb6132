"""Asks a gateway about what a bill shows, and brings its answer in by the same doors as every notice."""

import hashlib
from datetime import datetime
from typing import Final

from bot.kernel.clock import Clock, from_micros, to_micros
from bot.payments import values
from bot.payments.credit_item import credit_item, fingerprint
from bot.payments.facts import ChargeRef, Missing, Notice, Paid, PaidFact, RefundFact, RefundRef, Unknown, Way
from bot.payments.ports import Gateway
from bot.payments.reconciliation import differences
from bot.payments.reconciliation.board import Board, account_day
from bot.payments.reconciliation.differences import Difference
from bot.payments.room import Payments
from bot.payments.sharing import rows
from bot.payments.sharing.states import COMING
from bot.storage.port import Database, Tx

# Any way of paying will do to ask about a number that is not ours.
_WAYS: Final = (Way.NATIVE, Way.JSAPI, Way.CODE, Way.H5, Way.REDIRECT, Way.MINI)
_CHARGE: Final = "SELECT * FROM charges WHERE out_trade_no = $1 AND gateway = $2 AND gateway_account = $3"
_LINE: Final = """
SELECT l.transaction_id, l.amount, l.at FROM statement_lines l JOIN statements s ON s.id = l.statement_id
WHERE s.gateway = $1 AND s.account = $2 AND s.day = $3 AND s.kind = 'trade' AND s.state = 'ready' AND l.line_no = $4
"""
_DAY: Final = "SELECT gateway, account, day FROM recon_differences WHERE id = $1"
_ASKED: Final = """
UPDATE recon_differences SET asked = 1, note = $2, changed_at = $3 WHERE id = $1 AND state = 'working'
"""


class Asking:
    """Carries out decisions for which the gateway has to be asked. Never does money move on the bill alone."""

    def __init__(self, database: Database, clock: Clock, payments: Payments, board: Board) -> None:
        self._database = database
        self._clock = clock
        self._gateways = payments.gateways
        self._credits = payments.credits
        self._refunds = payments.refunds
        self._shares = payments.shares
        self._returns = payments.returns
        self._board = board

    async def carry_out(self, difference_id: str) -> bool:
        """Ask, record, and have the day compared anew; False where the gateway gave no answer and is asked again."""
        difference = await differences.show(self._database, difference_id)
        if difference.state != "working":
            return True
        match difference.disposition:
            case "adopt_refund" | "ask_refund":
                said = await self._refund(difference)
            case "ask_share":
                said = await self._share(difference)
            case _:
                said = await self._payment(difference)
        if said is None:
            return False
        at = to_micros(self._clock.now())

        async def record(tx: Tx) -> None:
            await tx.execute(_ASKED, difference_id, said, at)
            row = await tx.row(_DAY, difference_id)
            if row is not None:
                await self._board.soon(tx, account_day(row))

        await self._database.effect(record)
        return True

    async def _payment(self, difference: Difference) -> str | None:
        """Return what came of the answer in a word; None without one."""
        gateway = self._gateways.get(difference.gateway)
        row = await self._database.row(_CHARGE, difference.out_trade_no, difference.gateway, difference.account)
        charge = values.charge(row) if row is not None else None
        line = await self._line(difference)
        at = from_micros(line[2])
        answer = await gateway.query(
            ChargeRef(
                out_trade_no=difference.out_trade_no,
                account=difference.account,
                way=charge.way if charge is not None else _any_way(gateway),
                amount=charge.amount if charge is not None else difference.theirs,
                currency=charge.currency if charge is not None else difference.currency,
                created_at=charge.created_at if charge is not None else at,
                expires_at=charge.expires_at if charge is not None else at,
                transaction_id=line[0] or None,
            )
        )
        if isinstance(answer, Unknown):
            return None
        if not isinstance(answer, Paid):
            return f"the gateway answers: {type(answer).__name__.lower()}"
        if charge is not None:
            return str((await self._credits.of_answer(charge, answer.fact)).outcome)
        return await self._unknown_order(difference, answer.fact)

    async def _unknown_order(self, difference: Difference, fact: PaidFact) -> str:
        item = credit_item(
            fact,
            gateway=difference.gateway,
            account=difference.account,
            owner=self._gateways.get(difference.gateway).owner(difference.account),
            notice_id=f"query:{fact.transaction_id}:{fingerprint(fact)[:16]}",
            kind="query",
            digest=fingerprint(fact),
            trace_id=difference.id,
            now=self._now(),
        )
        return str((await self._credits.credit(item)).outcome)

    async def _refund(self, difference: Difference) -> str | None:
        reference = RefundRef(
            difference.number, difference.out_trade_no, difference.account, max(difference.theirs, difference.ours)
        )
        answer = await self._gateways.get(difference.gateway).refund_query(reference)
        if isinstance(answer, Unknown):
            return None
        if isinstance(answer, Missing):
            return "the gateway answers: missing"
        notice = Notice(_refund_id(answer), difference.account, answer, "query", _digest(answer))
        taken = await self._refunds.of_notice(difference.gateway, notice, answer, difference.id)
        return str(taken.outcome)

    async def _share(self, difference: Difference) -> str:
        """Ask about a share and all that was to come back of it; the sweep asks again where nothing is answered."""
        found = await rows.back(self._database, difference.our_id or "")
        share_id = found.share_id if found is not None else difference.our_id
        if share_id is None:
            return "no share of ours"
        said = await self._shares.ask(share_id)
        for entry in await rows.returns(self._database, share_id):
            if entry.state in COMING:
                said = await self._returns.carry(entry.id)
        return said

    async def _line(self, difference: Difference) -> tuple[str, int, int]:
        """Return the gateway's number, the amount and the moment that the bill's line told."""
        named = (difference.gateway, difference.account, difference.day, difference.line_no)
        row = await self._database.row(_LINE, *named)
        return (row["transaction_id"], row["amount"], row["at"]) if row is not None else ("", 0, to_micros(self._now()))

    def _now(self) -> datetime:
        return self._clock.now()


def _any_way(gateway: Gateway) -> Way:
    return next((way for way in _WAYS if way in gateway.can), Way.NATIVE)


def _digest(fact: RefundFact) -> str:
    parts = (fact.out_refund_no, fact.out_trade_no, fact.refund_id, str(fact.state), str(fact.amount), fact.currency)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _refund_id(fact: RefundFact) -> str:
    """Return the replay key of an answer: what was answered, so that asking twice is like one notice twice."""
    return f"query:{fact.refund_id or fact.out_refund_no}:{_digest(fact)[:16]}"
