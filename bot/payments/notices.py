"""Takes verified notices, of whatever kind, into the books: the one door for the web."""

from typing import Final

from bot.kernel.clock import Clock, to_micros
from bot.payments.contracts.contracts import Contracts
from bot.payments.credit import Credits
from bot.payments.credit_item import Credited, Outcome
from bot.payments.facts import ContractFact, Notice, PaidFact, RefundedSum, RefundFact
from bot.payments.refund_sums import RefundSums
from bot.payments.refunds import Refunds
from bot.storage.port import Database

_RECORD: Final = """
INSERT INTO inbox (gateway, account, notice_id, kind, body_digest, outcome, charge_id, trace_id, received_at)
VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8)
ON CONFLICT (gateway, account, notice_id) DO NOTHING
"""


class Notices:
    """Sends each notice to the room that it is about; a repeat gets the first outcome."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        crediting: Credits,
        refunds: Refunds,
        sums: RefundSums,
        contracts: Contracts,
    ) -> None:
        self._database = database
        self._clock = clock
        self._credits = crediting
        self._refunds = refunds
        self._sums = sums
        self._contracts = contracts

    async def take(self, gateway: str, notice: Notice, trace_id: str) -> Credited:
        """Return what became of a verified notice, after the commit: only then may it be acknowledged.

        Every genuine notice is acknowledged, also one whose money no order could take. What raises is not.
        """
        match notice.fact:
            case PaidFact():
                return await self._credits.of_notice(gateway, notice, notice.fact, trace_id)
            case RefundFact():
                return await self._refunds.of_notice(gateway, notice, notice.fact, trace_id)
            case RefundedSum():
                return await self._sums.of_notice(gateway, notice, notice.fact, trace_id)
            case ContractFact():
                return await self._contracts.of_notice(gateway, notice, notice.fact, trace_id)
            case None:
                return await self._record(gateway, notice, trace_id)

    async def _record(self, gateway: str, notice: Notice, trace_id: str) -> Credited:
        at = to_micros(self._clock.now())
        values = (gateway, notice.account, notice.id, notice.kind, notice.body_digest, str(Outcome.RECORDED), trace_id)
        new = await self._database.effect(lambda tx: tx.execute(_RECORD, *values, at))
        return Credited(Outcome.RECORDED, repeated=new == 0)
