"""Contracts and deductions as frozen values, the moves between their states, and the statements about them."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal

from bot.billers.port import Bill, Line
from bot.kernel.clock import business_day, from_micros, to_micros
from bot.payments.contracts.states import CONTRACT, DEDUCTION
from bot.payments.faculties import ContractRef, NewContract
from bot.storage.port import Reader, Row, Tx
from bot.storage.vault import Vault

_REQUEST: Final = "contracts.request_sealed"
_HANDOVER: Final = "contracts.handover_sealed"
_LINE: Final = "deductions.line_sealed"

SIGNING: Final = CONTRACT.move("created", to="signing", sets="handover_sealed = $3, next_query_at = $4, queries = 0")
FAILED: Final = CONTRACT.move("created", to="failed", sets="failure = $3, next_query_at = NULL")
LAPSED: Final = CONTRACT.move("created", "signing", to="lapsed", sets="next_query_at = NULL")
ACTIVE: Final = CONTRACT.move(
    "created",
    "signing",
    "lapsed",
    to="active",
    sets="contract_id = $3, signed_at = $4, next_query_at = $5, queries = 0",
)
ENDING: Final = CONTRACT.move("active", to="ending", sets="ended_by = $3, next_query_at = $2, queries = 0")
ENDED: Final = CONTRACT.move(
    "created",
    "signing",
    "active",
    "ending",
    to="ended",
    sets="ended_by = CASE WHEN ended_by = '' THEN $3 ELSE ended_by END, ended_at = $4, next_query_at = NULL",
)

ANNOUNCED: Final = DEDUCTION.move(
    "planned", to="announced", sets="day = $3, next_at = $4, announced_at = $2, tries = 0"
)
CHARGING: Final = DEDUCTION.move(
    "announced", to="charging", sets="order_id = $3, charge_id = $4, next_at = $5, tries = 0"
)
PAID: Final = DEDUCTION.move("charging", to="paid", sets="next_at = NULL")
NOT_PAID: Final = DEDUCTION.move("charging", to="failed", sets="failure = $3, next_at = NULL")
CANCELLED: Final = DEDUCTION.move("planned", "announced", to="cancelled", sets="failure = $3, next_at = NULL")
CANCELLED_ALL: Final = DEDUCTION.move(
    "planned", "announced", to="cancelled", sets="failure = $3, next_at = NULL", key="contract_id"
)

_CONTRACT: Final = "SELECT * FROM contracts WHERE id = $1"
_LOCKED: Final[Mapping[Literal["sqlite", "postgresql"], str]] = {
    "sqlite": "SELECT * FROM contracts WHERE id = $1",
    "postgresql": "SELECT * FROM contracts WHERE id = $1 FOR UPDATE",
}
_BY_NUMBER: Final = "SELECT * FROM contracts WHERE out_contract_no = $1"
_OF_CUSTOMER: Final = "SELECT * FROM contracts WHERE customer_id = $1 ORDER BY created_at DESC LIMIT $2"
_DEDUCTION: Final = "SELECT * FROM deductions WHERE id = $1"
_LATER: Final = "UPDATE contracts SET queries = queries + 1, next_query_at = $2 WHERE id = $1"
_NEXT: Final = "UPDATE deductions SET tries = tries + 1, next_at = $2 WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Contract:
    """A customer's leave to deduct: at most ``maximum`` fen, once in ``period_days``, told ``notice_days`` before."""

    id: str
    out_contract_no: str
    gateway: str
    account: str
    plan: str
    contract_id: str | None
    merchant_id: str
    item_id: str
    customer_id: str
    origin: str
    channel: str | None
    told_at: str | None
    account_mask: str
    account_hash: str
    maximum: int
    period_days: int
    notice_days: int
    state: str
    ended_by: str
    failure: str | None
    queries: int
    trace_id: str
    created_at: datetime
    signed_at: datetime | None
    ended_at: datetime | None
    request_sealed: bytes = field(repr=False)
    handover_sealed: bytes | None = field(repr=False)

    @property
    def ref(self) -> ContractRef:
        return ContractRef(self.out_contract_no, self.account, self.plan, self.contract_id)

    def period(self, day: date) -> int:
        """Return which period of the contract a business day falls into, from 0; they begin with the signing."""
        begun = business_day(self.signed_at or self.created_at)
        return (day - begun).days // self.period_days


@dataclass(frozen=True, slots=True)
class Deduction:
    """One taking of money under a contract; ``amount`` (fen) is what the customer was, or will be, told."""

    id: str
    contract_id: str
    period: int
    bill_key: str
    amount: int
    day: date
    state: str
    failure: str | None
    order_id: str | None
    charge_id: str | None
    tries: int
    trace_id: str
    created_at: datetime
    line_sealed: bytes = field(repr=False)


async def contract(reader: Reader, contract_id: str) -> Contract | None:
    row = await reader.row(_CONTRACT, contract_id)
    return of_row(row) if row is not None else None


async def locked(tx: Tx, contract_id: str) -> Contract | None:
    """Return a contract as it is now and keep everybody else from changing it until the commit."""
    row = await tx.row(_LOCKED[tx.engine], contract_id)
    return of_row(row) if row is not None else None


async def by_number(tx: Tx, out_contract_no: str) -> Contract | None:
    row = await tx.row(_BY_NUMBER, out_contract_no)
    return of_row(row) if row is not None else None


async def of_customer(reader: Reader, customer_id: str, limit: int) -> list[Contract]:
    return [of_row(row) for row in await reader.rows(_OF_CUSTOMER, customer_id, limit)]


async def deduction(reader: Reader, deduction_id: str) -> Deduction | None:
    row = await reader.row(_DEDUCTION, deduction_id)
    return deduction_of_row(row) if row is not None else None


async def ask_later(tx: Tx, contract_id: str, moment: datetime) -> None:
    await tx.execute(_LATER, contract_id, to_micros(moment))


async def go_on_later(tx: Tx, deduction_id: str, moment: datetime) -> None:
    await tx.execute(_NEXT, deduction_id, to_micros(moment))


def of_row(row: Row) -> Contract:
    return Contract(
        id=row["id"],
        out_contract_no=row["out_contract_no"],
        gateway=row["gateway"],
        account=row["gateway_account"],
        plan=row["plan"],
        contract_id=row["contract_id"],
        merchant_id=row["merchant_id"],
        item_id=row["item_id"],
        customer_id=row["customer_id"],
        origin=row["origin"],
        channel=row["channel"],
        told_at=row["account"],
        account_mask=row["account_mask"],
        account_hash=row["account_hash"],
        maximum=row["maximum"],
        period_days=row["period_days"],
        notice_days=row["notice_days"],
        state=row["state"],
        ended_by=row["ended_by"],
        failure=row["failure"],
        queries=row["queries"],
        trace_id=row["trace_id"],
        created_at=from_micros(row["created_at"]),
        signed_at=_moment(row["signed_at"]),
        ended_at=_moment(row["ended_at"]),
        request_sealed=row["request_sealed"],
        handover_sealed=row["handover_sealed"],
    )


def deduction_of_row(row: Row) -> Deduction:
    return Deduction(
        id=row["id"],
        contract_id=row["contract_id"],
        period=row["period"],
        bill_key=row["bill_key"],
        amount=row["amount"],
        day=date.fromisoformat(row["day"]),
        state=row["state"],
        failure=row["failure"],
        order_id=row["order_id"],
        charge_id=row["charge_id"],
        tries=row["tries"],
        trace_id=row["trace_id"],
        created_at=from_micros(row["created_at"]),
        line_sealed=row["line_sealed"],
    )


def seal_request(vault: Vault, request: NewContract) -> bytes:
    """Return the request to sign, encrypted, so that a missing answer is met by the identical one."""
    values: dict[str, Any] = dataclasses.asdict(request) | {"created_at": to_micros(request.created_at)}
    return vault.seal(json.dumps(values, ensure_ascii=False, sort_keys=True), _REQUEST)


def open_request(vault: Vault, sealed: bytes) -> NewContract:
    values: dict[str, Any] = json.loads(vault.open(sealed, _REQUEST))
    return NewContract(**values | {"created_at": from_micros(values["created_at"])})


def seal_handover(vault: Vault, handover: Mapping[str, str]) -> bytes:
    return vault.seal(json.dumps(dict(handover), ensure_ascii=False, sort_keys=True), _HANDOVER)


def open_handover(vault: Vault, sealed: bytes) -> Mapping[str, str]:
    values: dict[str, str] = json.loads(vault.open(sealed, _HANDOVER))
    return values


def seal_line(vault: Vault, line: Line) -> bytes:
    """Return what is to be paid, encrypted, for it names the account; the inputs of its query are left out."""
    values: dict[str, Any] = dataclasses.asdict(dataclasses.replace(line, fields={}))
    if line.bill is not None:
        values["bill"]["due_on"] = line.bill.due_on.isoformat() if line.bill.due_on else None
        values["bill"]["detail"] = {}
    return vault.seal(json.dumps(values, ensure_ascii=False, sort_keys=True), _LINE)


def open_line(vault: Vault, sealed: bytes) -> Line:
    values: dict[str, Any] = json.loads(vault.open(sealed, _LINE))
    bill = values.pop("bill")
    if bill is not None:
        due = bill.pop("due_on")
        bill = Bill(**bill, due_on=date.fromisoformat(due) if due else None)
    return Line(**values, bill=bill)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
