"""Bills that a remote billing system keeps, behind the same port as our own."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.billers import quoting
from bot.billers.catalogue import Catalogue
from bot.billers.connector import Connector, NoUsableAnswer
from bot.billers.port import (
    Bill,
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
from bot.billers.quoting import Priced
from bot.kernel.clock import SHANGHAI
from bot.kernel.masking import mask_account
from bot.kernel.money import MAX_FEN

_DEFAULT_PAUSE: Final = 5.0
_Fen = Annotated[int, Field(ge=0, le=MAX_FEN, strict=True)]
_Text = Annotated[str, Field(max_length=200)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _WireBill(_Wire):
    bill_no: Annotated[str, Field(min_length=1, max_length=64)]
    period: _Text | None = None
    amount: _Fen
    late_fee: _Fen = 0
    due_on: date | None = None
    state: Literal["open", "paid"] = "open"
    title: _Text = ""
    detail: dict[_Text, _Text] = {}


class _WireFound(_Wire):
    account: _Text
    name: _Text = ""
    address: _Text = ""
    balance: int = 0
    bills: Annotated[list[_WireBill], Field(max_length=200)] = []


class RemoteBiller:
    """Implements ``SceneBiller`` over a connector; whatever the remote side does, nothing here raises."""

    def __init__(self, connector: Connector, catalogue: Catalogue) -> None:
        self._connector = connector
        self._catalogue = catalogue

    async def find(self, query: BillQuery) -> Found | NotFound | Later:
        """Ask for an account's bills, twice at most, since a question has no effect."""
        item = await self._catalogue.item(query.item_id)
        request = {
            "account": query.account,
            "item": item.scene,
            "fields": dict(query.fields),
            "period": query.period,
        }
        try:
            answer = await self._ask_twice("bills/query", request)
            if answer["result"] == "found":
                return _found(query, _WireFound.model_validate(answer), item.name)
        except (NoUsableAnswer, ValidationError) as fault:
            return Later(_DEFAULT_PAUSE, type(fault).__name__)
        if answer["result"] == "not_found":
            return NotFound()
        return Later(_pause(answer))

    async def quote(self, lines: Sequence[Line], at: datetime, store_id: str | None = None) -> Quote | Refusal | Later:
        """Ask again for the bills just before a price is promised, as BPAY demands of variable bills."""
        if not lines:
            return Refusal("nothing_chosen")
        item = await self._catalogue.item(lines[0].item_id)
        priced: list[Priced] = []
        fresh: dict[str, Mapping[str, Bill]] = {}
        for line in lines:
            if line.bill is None:
                priced.append(Priced(line, None))
                continue
            if line.account not in fresh:
                found = await self.find(BillQuery(item_id=line.item_id, account=line.account, fields=line.fields))
                if isinstance(found, Later):
                    return found
                bills = found.bills if isinstance(found, Found) else ()
                fresh[line.account] = {bill.bill_no: bill for bill in bills}
            priced.append(Priced(line, fresh[line.account].get(line.bill.bill_no)))
        return quoting.quote(item, priced, at, store_id)

    async def settle(self, line: PaidLine) -> Settled | Pending | Refused | Silent:
        return _settlement(await self._tell("payments/advise", _advice(line)))

    async def settle_status(self, line: PaidLine) -> Settled | Pending | Refused | Silent | None:
        answer = await self._tell("payments/status", {"line_id": line.id})
        return None if _unheard(answer) else _settlement(answer)

    async def undo(self, line: PaidLine, reason: str) -> Reversed | Pending | Refused | Silent:
        request = {"line_id": line.id, "amount": line.amount, "reason": reason}
        return _reversal(await self._tell("payments/undo", request))

    async def undo_status(self, line: PaidLine) -> Reversed | Pending | Refused | Silent | None:
        answer = await self._tell("payments/undo_status", {"line_id": line.id})
        return None if _unheard(answer) else _reversal(answer)

    async def _ask_twice(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await self._connector.call(operation, request)
        except NoUsableAnswer:
            return await self._connector.call(operation, request)

    async def _tell(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any] | Silent:
        try:
            return await self._connector.call(operation, request)
        except NoUsableAnswer as fault:
            return Silent(fault.code)


def _advice(line: PaidLine) -> Mapping[str, Any]:
    return {
        "line_id": line.id,
        "account": line.account,
        "bill_no": line.bill_no,
        "period": line.period,
        "amount": line.amount,
        "paid_at": line.paid_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
    }


def _found(query: BillQuery, wire: _WireFound, item_name: str) -> Found:
    return Found(
        account=query.account,
        account_mask=mask_account(query.account),
        holder_mask=wire.name,
        address_mask=wire.address,
        balance=wire.balance,
        bills=tuple(_bill(bill, item_name) for bill in wire.bills if bill.state == "open"),
    )


def _bill(wire: _WireBill, item_name: str) -> Bill:
    return Bill(
        bill_no=wire.bill_no,
        title=wire.title or item_name,
        period=wire.period,
        amount=wire.amount,
        late_fee=wire.late_fee,
        due_on=wire.due_on,
        detail=wire.detail,
    )


def _unheard(answer: Mapping[str, Any] | Silent) -> bool:
    return not isinstance(answer, Silent) and answer["result"] == "unknown"


def _settlement(answer: Mapping[str, Any] | Silent) -> Settled | Pending | Refused | Silent:
    if isinstance(answer, Silent):
        return answer
    if answer["result"] == "settled":
        return Settled(ref=str(answer.get("biller_ref", ""))[:64])
    return _neither(answer)


def _reversal(answer: Mapping[str, Any] | Silent) -> Reversed | Pending | Refused | Silent:
    if isinstance(answer, Silent):
        return answer
    if answer["result"] == "reversed":
        return Reversed(ref=str(answer.get("biller_ref", ""))[:64])
    return _neither(answer)


def _neither(answer: Mapping[str, Any]) -> Pending | Refused | Silent:
    """Read what is no yes; a word that the document does not know is no answer at all."""
    if answer["result"] == "pending":
        return Pending(_pause(answer))
    if answer["result"] == "refused":
        return Refused(str(answer.get("code", "other"))[:32], str(answer.get("message", ""))[:200])
    return Silent("biller_word")


def _pause(answer: Mapping[str, Any]) -> float:
    after = answer.get("retry_after", _DEFAULT_PAUSE)
    return min(max(float(after), 0.5), 3600.0) if isinstance(after, int | float) else _DEFAULT_PAUSE
