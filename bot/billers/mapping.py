"""Translates between our values and the JSON of docs/connector.md; what a biller says is bounded and cleaned here."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.billers.items import BillItem, ItemDefinition
from bot.billers.port import (
    Bill,
    BillQuery,
    Found,
    Later,
    NotFound,
    PaidLine,
    Pending,
    Refused,
    Reversed,
    Settled,
    Silent,
)
from bot.billers.proofs import FiscalReceipt, read_proof
from bot.billers.split import Split
from bot.kernel.clock import SHANGHAI
from bot.kernel.masking import mask_account, mask_name
from bot.kernel.money import MAX_FEN, share_of
from bot.kernel.text import shorten, without_control

PAUSE_SECONDS: Final = 5.0
_PAUSE_RANGE: Final = (0.5, 3600.0)
BILLS_MAX: Final = 200
_DETAILS_MAX: Final = 30
_TEXT_MAX: Final = 200
_REF_MAX: Final = 64
REFUSALS: Final = frozenset({"paid_elsewhere", "amount", "closed", "not_found", "conflict", "used", "other"})


def _clean(text: str) -> str:
    """Take out what a database or a message could not hold, and what is too long to be shown."""
    return shorten(without_control(text), _TEXT_MAX)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a bill number has printable characters only")
    return text


_Fen = Annotated[int, Field(ge=0, le=MAX_FEN, strict=True)]
_Balance = Annotated[int, Field(ge=-MAX_FEN, le=MAX_FEN, strict=True)]
_Text = Annotated[str, AfterValidator(_clean)]
_Number = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class WireSplit(_Wire):
    """What of a treatment's cost is borne by whom; the patient's own part is the amount of the bill."""

    total: _Fen
    pool: _Fen = 0
    personal: _Fen = 0


class WireBill(_Wire):
    bill_no: _Number
    period: Annotated[str, Field(max_length=32), AfterValidator(_clean)] | None = None
    amount: _Fen
    late_fee: _Fen = 0
    due_on: date | None = None
    state: Literal["open", "paid"] = "open"
    title: _Text = ""
    detail: dict[_Text, _Text] = {}
    split: WireSplit | None = None


class WireFound(_Wire):
    account: str
    name: _Text = ""
    address: _Text = ""
    balance: _Balance = 0
    bills: Annotated[tuple[WireBill, ...], Field(max_length=BILLS_MAX)] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({bill.bill_no for bill in self.bills}) < len(self.bills):
            raise ValueError("two bills have one number")
        return self


def query_of(item: BillItem, query: BillQuery) -> Mapping[str, Any]:
    """Return the request of ``bills/query``: the account and the item's own fields in their canonical form."""
    definition = item.definition
    fields = {
        field.key: field.canonical(query.fields[field.key]) for field in definition.fields if field.key in query.fields
    }
    account = query.account if definition.account is None else definition.account.canonical(query.account)
    request = {"account": account, "item": item.scene, "fields": fields, "period": query.period}
    # Only the second query of a two-step flow names a sum.
    return request if query.amount is None else {**request, "amount": query.amount}


def advice_of(line: PaidLine) -> Mapping[str, Any]:
    """Return the request of ``payments/advise``."""
    return {
        "line_id": line.id,
        "account": line.account,
        "bill_no": line.bill_no,
        "period": line.period,
        "amount": line.amount,
        "paid_at": line.paid_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
    }


def found(account: str, answer: Mapping[str, Any], item: BillItem) -> Found | NotFound | Later:
    """Read the answer of ``bills/query`` for ``account``; one that is not as documented says nothing about it."""
    match answer["result"]:
        case "not_found":
            return NotFound()
        case "later":
            return Later(pause(answer), "biller_later")
        case "found":
            return _found(account, answer, item)
        case _:
            return Later(PAUSE_SECONDS, "biller_word")


def _found(account: str, answer: Mapping[str, Any], item: BillItem) -> Found | Later:
    try:
        wire = WireFound.model_validate(answer)
    except ValidationError:
        return Later(PAUSE_SECONDS, "biller_shape")
    if wire.account != account:
        return Later(PAUSE_SECONDS, "biller_account")
    fault = next(filter(None, (_unbelievable(bill, item.definition) for bill in wire.bills)), "")
    if fault:
        return Later(PAUSE_SECONDS, fault)
    return Found(
        account=account,
        account_mask=mask_account(account),
        # The biller masks; should it forget, a stranger who guesses a number still learns no name.
        holder_mask=wire.name if "*" in wire.name else mask_name(wire.name),
        address_mask=wire.address,
        balance=wire.balance,
        bills=tuple(_bill(bill, item) for bill in wire.bills if bill.state == "open" and bill.amount + bill.late_fee),
    )


def _unbelievable(bill: WireBill, definition: ItemDefinition) -> str:
    """Tell what in a bill contradicts the rules of its item; nobody is asked to pay such a sum."""
    if bill.state == "paid":
        return ""
    late_fee = definition.late_fee
    if late_fee is not None and bill.late_fee > share_of(bill.amount, late_fee.cap):
        return "biller_late_fee"
    if definition.insured and (bill.split is None or not _split(bill.split).explains(bill.amount)):
        return "biller_split"
    return ""


def _split(wire: WireSplit) -> Split:
    return Split(total=wire.total, pool=wire.pool, personal=wire.personal)


def _bill(wire: WireBill, item: BillItem) -> Bill:
    discreet = item.definition.discreet
    return Bill(
        bill_no=wire.bill_no,
        title=item.name if discreet else wire.title or item.name,
        period=wire.period or None,
        amount=wire.amount,
        late_fee=wire.late_fee,
        due_on=wire.due_on,
        detail={} if discreet else dict(list(wire.detail.items())[:_DETAILS_MAX]),
        split=None if wire.split is None else _split(wire.split),
    )


def settlement(answer: Mapping[str, Any]) -> Settled | Pending | Refused | Silent:
    """Read the answer of ``payments/advise`` and ``payments/status``."""
    return Settled(_ticket(answer) or _ref(answer)) if answer["result"] == "settled" else _neither(answer)


def reversal(answer: Mapping[str, Any]) -> Reversed | Pending | Refused | Silent:
    """Read the answer of ``payments/undo`` and ``payments/undo_status``."""
    return Reversed(_ref(answer)) if answer["result"] == "reversed" else _neither(answer)


def unheard(answer: Mapping[str, Any]) -> bool:
    """Tell whether a biller says that it has never heard of a line."""
    return bool(answer["result"] == "unknown")


def pause(answer: Mapping[str, Any]) -> float:
    """Return after how many seconds to ask again, within reason."""
    after = answer.get("retry_after")
    if isinstance(after, bool) or not isinstance(after, int | float):
        return PAUSE_SECONDS
    lowest, highest = _PAUSE_RANGE
    return float(min(max(after, lowest), highest))


def _neither(answer: Mapping[str, Any]) -> Pending | Refused | Silent:
    """Read what is no yes; a word that the document does not know is no answer at all."""
    if answer["result"] == "pending":
        return Pending(pause(answer))
    if answer["result"] == "refused":
        code = answer.get("code")
        message = answer.get("message")
        known = isinstance(code, str) and code in REFUSALS
        return Refused(str(code) if known else "other", _clean(message) if isinstance(message, str) else "")
    return Silent("biller_word")


def _ticket(answer: Mapping[str, Any]) -> str:
    """Return the fiscal receipt that came with a settlement, in the form in which a line keeps it; empty for none."""
    told = answer.get("ticket")
    if not isinstance(told, Mapping):
        return ""
    receipt = FiscalReceipt.of(*(told.get(name) for name in ("code", "number", "check")))
    return "" if receipt is None else receipt.ref


def _ref(answer: Mapping[str, Any]) -> str:
    ref = answer.get("biller_ref")
    # Our own proofs have a form that no biller may write.
    return without_control(ref)[:_REF_MAX] if isinstance(ref, str) and read_proof(ref) is None else ""
