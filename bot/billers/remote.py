"""Bills that a remote billing system keeps, behind the same port as our own."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.billers import mapping, quoting
from bot.billers.catalogue import Catalogue
from bot.billers.connector import Connector, NoUsableAnswer
from bot.billers.items import BillItem, Flow
from bot.billers.port import (
    BillQuery,
    Found,
    Later,
    Line,
    NotFound,
    PaidLine,
    Pending,
    Quote,
    Refusal,
    Refused,
    Reversed,
    Settled,
    Silent,
)
from bot.billers.quoting import Owed


class RemoteBiller:
    """Implements ``SceneBiller`` over a connector; whatever the remote side does, nothing here raises."""

    def __init__(self, connector: Connector, catalogue: Catalogue) -> None:
        self._connector = connector
        self._catalogue = catalogue

    async def find(self, query: BillQuery) -> Found | NotFound | Later:
        """Ask for an account's bills, a second time where the first failed at once: a question has no effect."""
        return await self._find(await self._catalogue.item(query.item_id), query)

    async def quote(self, lines: Sequence[Line], at: datetime, store_id: str | None = None) -> Quote | Refusal | Later:
        """Ask again for the bills just before a price is promised, as BPAY demands of variable bills."""

        async def ask(item: BillItem, line: Line) -> Owed | Later:
            second = item.definition.flow is Flow.TWO_STEP and line.bill is None
            query = BillQuery(item.id, line.account, line.fields, amount=line.amount if second else None)
            found = await self._find(item, query)
            if isinstance(found, Later):
                return found
            if isinstance(found, NotFound):
                return Owed({}, known=False)
            if second:
                return Owed({}, offer=found.bills[0] if len(found.bills) == 1 else None)
            return Owed({bill.bill_no: bill for bill in found.bills})

        return await quoting.quote(self._catalogue, lines, at, store_id, ask)

    async def settle(self, line: PaidLine) -> Settled | Pending | Refused | Silent:
        answer = await self._tell("payments/advise", mapping.advice_of(line))
        return answer if isinstance(answer, Silent) else mapping.settlement(answer)

    async def settle_status(self, line: PaidLine) -> Settled | Pending | Refused | Silent | None:
        answer = await self._tell("payments/status", {"line_id": line.id})
        if isinstance(answer, Silent):
            return answer
        return None if mapping.unheard(answer) else mapping.settlement(answer)

    async def undo(self, line: PaidLine, reason: str) -> Reversed | Pending | Refused | Silent:
        request = {"line_id": line.id, "amount": line.amount, "reason": reason}
        answer = await self._tell("payments/undo", request)
        return answer if isinstance(answer, Silent) else mapping.reversal(answer)

    async def undo_status(self, line: PaidLine) -> Reversed | Pending | Refused | Silent | None:
        answer = await self._tell("payments/undo_status", {"line_id": line.id})
        if isinstance(answer, Silent):
            return answer
        return None if mapping.unheard(answer) else mapping.reversal(answer)

    async def _find(self, item: BillItem, query: BillQuery) -> Found | NotFound | Later:
        request = mapping.query_of(item, query)
        try:
            answer = await self._connector.ask("bills/query", request)
        except NoUsableAnswer as fault:
            return Later(mapping.PAUSE_SECONDS, fault.code)
        return mapping.found(request["account"], answer, item)

    async def _tell(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any] | Silent:
        try:
            return await self._connector.call(operation, request)
        except NoUsableAnswer as fault:
            return Silent(fault.code)
