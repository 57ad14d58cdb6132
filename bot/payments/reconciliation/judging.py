"""Says what is wrong with a pair of which one side is missing or differs: pure functions over one row each.

The statements of ``matching`` leave out every pair that agrees, so that only exceptions come here. What a finding
counts is ``theirs - ours``; the findings of a day add up to what its sums differ by (docs/reconciliation.md). A pair
whose sides fall on different days has one finding on each day, which cancel each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from bot.payments.reconciliation.days import AccountDay, FeeTerms, day_of
from bot.storage.port import Row

# A charge of ours in one of these counts no money, and its reversal at the gateway says the same.
_UNDONE: Final = frozenset({"reversing", "reversed", "closing", "closed", "failed"})
_UNDER_WAY: Final = frozenset({"approved", "pending", "unknown", "abnormal"})
# A refund's fee is a part of the payment's fee, which gateways round in their own ways.
_ROUNDING: Final = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference as it is found; amounts in fen, ``at`` in microseconds.

    ``paired``: nothing is left to explain. ``waits``: it may resolve by itself whatever the hour.
    """

    kind: str
    measure: str
    number: str
    currency: str
    at: int
    out_trade_no: str = ""
    copy: int = 0
    ours_currency: str = ""
    ours: int = 0
    theirs: int = 0
    ours_fee: int = 0
    theirs_fee: int = 0
    ours_state: str = ""
    theirs_state: str = ""
    other_day: str = ""
    line_no: int | None = None
    our_id: str | None = None
    paired: bool = False
    waits: bool = False


@dataclass(frozen=True, slots=True)
class _Own:
    """What our books have under a line's number; ``counted`` says whether its money is in their sums."""

    id: str
    amount: int
    currency: str
    basis: int
    told: bool  # Whether the settlement amount was told when it was credited.
    at: int
    transaction_id: str


def payment(row: Row, day: AccountDay, fees: FeeTerms) -> list[Finding]:
    """Judge a line of a payment or of a reversal."""
    line = _line(row, "payment" if row["kind"] == "payment" else "reversal")
    if row["copy"]:
        return [replace(line, kind="duplicate", copy=row["copy"], theirs=row["amount"], theirs_fee=_told(row, fees))]
    own = _receipt(row)
    if row["kind"] == "reversal":
        return list(_reversal(row, line, own, day, fees))
    if own is None:
        undone = bool(row["undone"]) and row["c_state"] in _UNDONE
        kind = "undone" if undone else "missing_here"
        line = replace(line, kind=kind, our_id=row["charge_id"], ours_state=row["c_state"] or "", paired=undone)
        return [replace(line, theirs=row["amount"], theirs_fee=_told(row, fees))]
    line = replace(line, our_id=own.id, ours_currency=own.currency)
    return [*_elsewhen(line, own, day, fees.of_payment(own.basis)), *_payment(row, line, own, fees)]


def _payment(row: Row, line: Finding, own: _Own, fees: FeeTerms) -> Iterator[Finding]:
    both = {"ours": own.amount, "theirs": row["amount"]}
    agreed = fees.of_payment(own.basis)
    if own.currency != row["currency"]:
        yield replace(line, kind="currency", ours_fee=agreed, theirs_fee=_told(row, fees), **both)
        return
    basis = _basis(row, own)
    expected = fees.of_payment(basis)
    if row["transaction_id"] and own.transaction_id != row["transaction_id"]:
        yield replace(line, kind="transaction", ours_fee=agreed, theirs_fee=expected, **both)
    elif own.amount != row["amount"]:
        yield replace(line, kind="amount", ours_fee=agreed, theirs_fee=expected, **both)
    elif basis != own.basis:
        yield replace(line, kind="settlement", ours_fee=agreed, theirs_fee=expected, paired=not own.told)
    if fees.rate is not None and row["fee"] != expected:
        yield replace(line, kind="fee", ours_fee=expected, theirs_fee=row["fee"])


def _reversal(row: Row, line: Finding, own: _Own | None, day: AccountDay, fees: FeeTerms) -> Iterator[Finding]:
    """A payment that was undone: it counts on neither side, unless our books still have its money."""
    told = _told(row, fees)
    if own is not None:
        state = row["c_state"] or "suspense"
        line = replace(line, our_id=own.id, ours_currency=own.currency, ours_state=state, theirs_state="reversal")
        if row["also_paid"]:
            # The payment itself has its own line, against which our money stands.
            yield replace(line, kind="state", theirs=row["amount"], theirs_fee=told)
            return
        expected = fees.of_payment(own.basis)
        line = replace(line, measure="payment", currency=own.currency)
        yield from _elsewhen(line, own, day, expected)
        yield replace(line, kind="state", ours=own.amount, ours_fee=expected, theirs_fee=told)
        return
    if row["charge_id"] is None:
        yield replace(line, kind="missing_here", theirs=row["amount"], theirs_fee=told)
        return
    line = replace(line, our_id=row["charge_id"], ours_state=row["c_state"], ours_currency=row["c_currency"])
    if row["c_state"] not in _UNDONE:
        yield replace(line, kind="state", theirs=row["amount"], theirs_state="reversal", theirs_fee=told)
    elif (row["c_amount"], row["c_currency"]) != (row["amount"], row["currency"]):
        yield replace(line, kind="amount", ours=row["c_amount"], theirs=row["amount"], theirs_fee=told)
    elif told:
        yield replace(line, kind="fee", theirs_fee=told)


def refund(row: Row, day: AccountDay, fees: FeeTerms) -> list[Finding]:
    """Judge a line of a refund."""
    line = replace(_line(row, "refund"), our_id=row["our_id"], ours_state=row["r_state"] or "")
    counts = row["outcome"] != "failed"
    theirs, told = (row["amount"] if counts else 0), _told(row, fees)
    if not counts and row["better"]:
        # Another line tells how this refund ended.
        return [replace(line, kind="fee", theirs_fee=told)] if told else []
    if row["copy"]:
        return [replace(line, kind="duplicate", copy=row["copy"], theirs=theirs, theirs_fee=told)]
    if row["our_id"] is None:
        # A refund that failed and that we never made moved nothing.
        kind = "refund_missing_here" if counts else "fee"
        return [replace(line, kind=kind, theirs=theirs, theirs_fee=told)] if counts or told else []
    line = replace(line, ours_currency=row["r_currency"], out_trade_no=row["r_out_trade_no"])
    if row["r_state"] != "succeeded":
        waits = row["outcome"] == "pending" and row["r_state"] in _UNDER_WAY
        odd = counts or told
        return [replace(line, kind="state", theirs=theirs, theirs_fee=told, waits=waits)] if odd else []
    agreed = fees.of_refund(row["r_amount"])
    own = _Own(row["our_id"], row["r_amount"], row["r_currency"], row["r_amount"], True, row["r_at"], "")
    return [*_elsewhen(line, own, day, agreed), *_refund(row, line, theirs, agreed, fees)]


def _refund(row: Row, line: Finding, theirs: int, agreed: int, fees: FeeTerms) -> Iterator[Finding]:
    both = {"ours": row["r_amount"], "theirs": theirs}
    told = _told(row, fees)
    if row["outcome"] == "failed":
        yield replace(line, kind="state", ours_fee=agreed, theirs_fee=told, **both)
        return
    if row["r_currency"] != row["currency"]:
        yield replace(line, kind="currency", ours_fee=agreed, theirs_fee=told, **both)
        return
    expected = fees.of_refund(row["amount"])
    if row["r_out_trade_no"] != row["out_trade_no"]:
        yield replace(line, kind="transaction", ours_fee=agreed, theirs_fee=expected, **both)
    elif row["r_amount"] != row["amount"]:
        yield replace(line, kind="amount", ours_fee=agreed, theirs_fee=expected, **both)
    if fees.rate is not None and row["fee"] != expected:
        near = abs(row["fee"] - expected) <= _ROUNDING
        yield replace(line, kind="fee", ours_fee=expected, theirs_fee=row["fee"], paired=near)


def receipt(row: Row, day: AccountDay, fees: FeeTerms) -> list[Finding]:
    """Judge money that our books received and that this day's bill does not have."""
    return [_ours(row, "payment", "missing_at_gateway", fees.of_payment(row["basis"]))]


def given(row: Row, day: AccountDay, fees: FeeTerms) -> list[Finding]:
    """Judge a refund that our books gave and that this day's bill does not have."""
    return [_ours(row, "refund", "refund_missing_at_gateway", fees.of_refund(row["amount"]))]


def _ours(row: Row, measure: str, missing: str, fee: int) -> Finding:
    return Finding(
        kind="timing" if row["other_day"] else missing,
        measure=measure,
        number=row["number"],
        currency=row["currency"],
        at=row["at"],
        out_trade_no=row["out_trade_no"],
        # The mirror of a finding about the line, should the two fall on one day by a change of the bill.
        copy=-1,
        ours_currency=row["currency"],
        ours=row["amount"],
        ours_fee=fee,
        ours_state="succeeded" if measure == "refund" else "paid",
        other_day=row["other_day"] or "",
        our_id=row["id"],
        paired=bool(row["other_day"]),
    )


def _line(row: Row, measure: str) -> Finding:
    return Finding(
        kind="",
        measure=measure,
        number=row["number"],
        currency=row["currency"],
        at=row["at"],
        out_trade_no=row["out_trade_no"],
        ours_currency=row["currency"],
        theirs_state=row["outcome"],
        line_no=row["line_no"],
    )


def _elsewhen(line: Finding, own: _Own, day: AccountDay, fee: int) -> Iterator[Finding]:
    """Our books have it on another day: what they counted there is what this day has too much."""
    if not day.holds(own.at):
        yield replace(
            line,
            kind="timing",
            currency=own.currency,
            theirs=own.amount,
            theirs_fee=fee,
            other_day=day_of(own.at),
            paired=True,
        )


def _receipt(row: Row) -> _Own | None:
    """Return what our books received under this line's number; None where they count nothing."""
    paid = row["c_state"] == "paid"
    same = not row["transaction_id"] or row["c_transaction_id"] == row["transaction_id"]
    if paid and (same or (row["suspense_id"] is None and not row["listed"])):
        told = row["c_settlement"] is not None
        basis = row["c_settlement"] if told else row["c_amount"]
        number = row["c_transaction_id"]
        return _Own(row["charge_id"], row["c_amount"], row["c_currency"], basis, told, row["c_at"], number)
    if row["suspense_id"] is not None:
        held = row["s_amount"]
        number = row["transaction_id"]
        return _Own(row["suspense_id"], held, row["s_currency"], held, False, row["s_at"], number)
    return None


def _basis(row: Row, own: _Own) -> int:
    """Return what the line's fee is computed on."""
    if row["settlement_amount"] is not None:
        return int(row["settlement_amount"])
    return own.basis if own.amount == row["amount"] else int(row["amount"])


def _told(row: Row, fees: FeeTerms) -> int:
    """Return a line's fee where fees are compared at all."""
    return 0 if fees.rate is None else int(row["fee"])
