"""A verified receipt on its way into the books, what may become of it, and the decision: values and pure functions."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.kernel.clock import to_micros
from bot.payments.facts import PaidFact
from bot.payments.states import CREDITABLE, UNPAID


class Outcome(StrEnum):
    """What became of a genuine notice or answer."""

    APPLIED = "applied"  # The order is paid by it.
    SUSPENDED = "suspended"  # Received, and no order could take it.
    RECORDED = "recorded"  # Genuine, and nothing was to be done.
    REFUND = "refund"  # It was about a refund.


class Reason(StrEnum):
    """Why money lies in suspense; the same words as in the suspense table."""

    UNKNOWN_ORDER = "unknown_order"
    AMOUNT = "amount"
    MISMATCH = "mismatch"  # Currency, merchant number, app, gateway or account.
    CLOSED = "closed"
    SECOND_PAYMENT = "second_payment"
    CLAIMED = "claimed"


# A later fact about the same transaction may show that these were mistakes, and then takes their place.
CONTRADICTING: Final = frozenset({Reason.UNKNOWN_ORDER, Reason.AMOUNT, Reason.MISMATCH})
# The ``failure`` of a closed charge whose gateway has said that it was paid and that the money went back.
RETURNED: Final = "returned"
# The ``failure`` of a charge that is being reversed and of which its gateway has told that it was paid.
PAID_SEEN: Final = "paid_seen"


@dataclass(frozen=True, slots=True)
class Credited:
    """The outcome; ``repeated`` when it was decided by an earlier notice or answer about the same payment."""

    outcome: Outcome
    reason: Reason | None = None
    charge_id: str | None = None
    order_id: str | None = None
    repeated: bool = False

    @property
    def stored(self) -> str:
        """The form in which the inbox keeps the first outcome."""
        return self.outcome if self.reason is None else f"{self.outcome}:{self.reason}"


def restored(stored: str, charge_id: str | None, order_id: str | None) -> Credited:
    """Return the first outcome, as the inbox kept it, to a repeat."""
    outcome, _, reason = stored.partition(":")
    known = Outcome(outcome)
    why = Reason(reason) if known is Outcome.SUSPENDED else None
    return Credited(known, why, charge_id, order_id, repeated=True)


@dataclass(frozen=True, slots=True)
class Credit:
    """One verified receipt, flattened to what both engines bind; amounts in fen, times in microseconds.

    ``notice_id`` is the gateway's, or ``query:`` and the transaction's number for an answer to a question: the replay
    key. ``foreign`` names what tells that the receipt is not for the account it came to (``merchant``, ``app``).
    """

    gateway: str
    account: str
    notice_id: str
    kind: str
    digest: str
    out_trade_no: str
    transaction_id: str
    amount: int
    currency: str
    foreign: str
    payer_amount: int | None
    settlement_amount: int | None
    discounts: str
    paid_at: int
    at: int
    trace_id: str
    # The gateway has refused for good to reverse the charge, and says that it is paid.
    kept: bool = False


def credit_item(
    fact: PaidFact,
    *,
    gateway: str,
    account: str,
    owner: tuple[str, frozenset[str]],
    notice_id: str,
    kind: str,
    digest: str,
    trace_id: str,
    now: datetime,
    kept: bool = False,
) -> Credit:
    """Return a fact in the form that credit takes; ``owner`` is the gateway's word on whose account it is."""
    merchant_id, app_ids = owner
    foreign = "merchant" if fact.merchant_id != merchant_id else "app" if fact.app_id not in app_ids else ""
    return Credit(
        gateway=gateway,
        account=account,
        notice_id=notice_id,
        kind=kind,
        digest=digest,
        out_trade_no=fact.out_trade_no,
        transaction_id=fact.transaction_id,
        amount=fact.amount,
        currency=fact.currency,
        foreign=foreign,
        payer_amount=fact.payer_amount,
        settlement_amount=fact.settlement_amount,
        discounts=_packed(fact.discounts),
        paid_at=to_micros(fact.paid_at),
        at=to_micros(now),
        trace_id=trace_id,
        kept=kept,
    )


def fingerprint(fact: PaidFact) -> str:
    """Return what tells one statement about a payment from another; equal statements are one."""
    parts = (fact.out_trade_no, fact.transaction_id, str(fact.amount), fact.currency, fact.merchant_id, fact.app_id)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _packed(discounts: Mapping[str, int]) -> str:
    if not discounts:
        return "{}"
    return json.dumps(dict(discounts), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Standing:
    """What the books say of the charge that a receipt names, at the moment of the decision."""

    charge_id: str
    charge_state: str
    gateway: str
    account: str
    amount: int
    currency: str
    order_id: str
    order_state: str
    order_amount: int
    returned: bool = False  # The gateway has said that the money went back (see ``RETURNED``).


class Course(StrEnum):
    """What to do with a receipt; ``KNOWN`` calls a person only where it contradicts what was known."""

    APPLY = "apply"  # To the merchant at once.
    LATE = "late"  # To suspense, and from there to the merchant if the order can still take it.
    SUSPEND = "suspend"  # To suspense; the charge is paid all the same.
    WAIT = "wait"  # Nothing yet: the reversal that is under way tells what becomes of the money.
    CONTRADICT = "contradict"  # To suspense; the charge stays as it is.
    KNOWN = "known"  # This very payment is in the books already.


@dataclass(frozen=True, slots=True)
class Decision:
    """``reason`` is why the money goes to suspense, or would if the order turned out not to be payable.

    ``to_desk`` calls a person instead of giving the money back by itself.
    """

    course: Course
    reason: Reason
    to_desk: bool = False


def decide(item: Credit, standing: Standing | None, credited_to: str | None) -> Decision:
    """Tell what to do with a receipt (payments.md, traps 1, 5, 7; DESIGN §4). Pure: no row is read here.

    ``credited_to`` is the charge to which this very transaction has been credited already.
    """
    contradiction = Reason.UNKNOWN_ORDER if standing is None else _contradiction(item, standing)
    if credited_to is not None:
        # The money is counted; whatever else this says of it must not count it again.
        other = standing is None or standing.charge_id != credited_to
        return Decision(Course.KNOWN, contradiction or Reason.MISMATCH, to_desk=other or contradiction is not None)
    if standing is None:
        return Decision(Course.CONTRADICT, Reason.UNKNOWN_ORDER, to_desk=True)
    if contradiction is not None:
        return Decision(Course.CONTRADICT, contradiction, to_desk=True)
    if standing.charge_state == "paid":
        # Two transactions for one number should not exist; if they do, both are somebody's money.
        return Decision(Course.CONTRADICT, Reason.SECOND_PAYMENT, to_desk=True)
    if standing.charge_state == "reversing":
        # Its reversal goes on until it is certain. Only where the gateway refuses it for good is the money there to
        # be given back, by a refund; no order is fulfilled with it either way (DESIGN §4).
        return Decision(Course.SUSPEND if item.kept else Course.WAIT, Reason.CLOSED)
    if standing.charge_state == "reversed" or standing.returned:
        # It may be the payment that was given back, or, where the gateway did not know it then, another one.
        return Decision(Course.SUSPEND, Reason.CLOSED, to_desk=True)
    if standing.order_state in ("paid", "paid_late"):
        return Decision(Course.SUSPEND, Reason.SECOND_PAYMENT)
    if standing.order_state in UNPAID and standing.charge_state in CREDITABLE:
        return Decision(Course.APPLY, Reason.CLAIMED)
    return Decision(Course.LATE, Reason.CLOSED)


def _contradiction(item: Credit, standing: Standing) -> Reason | None:
    if item.foreign or (item.gateway, item.account) != (standing.gateway, standing.account):
        return Reason.MISMATCH
    if item.currency != standing.currency:
        return Reason.MISMATCH
    if item.amount != standing.amount or standing.amount != standing.order_amount:
        return Reason.AMOUNT
    return None
