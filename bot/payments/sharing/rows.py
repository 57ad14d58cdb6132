"""Shares, their parts and returns as frozen values, the moves between their states, and the statements about them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.kernel.clock import to_micros
from bot.ledger import accounts
from bot.ledger.postings import Posting, Refs, post
from bot.payments.reconciliation.days import FeeTerms
from bot.payments.sharing.split import Gone, LineLeft
from bot.payments.sharing.states import GOING, PART, RETURN, SHARE
from bot.payments.states import quoted
from bot.storage.port import Reader, Row, Tx

# In ``refunds.line_id``: an amount that is no line (payments.refund_rows).
_PART_OF_ORDER: Final = "part"

SENT: Final = SHARE.move("planned", to="sent", sets="rest = $3, fee_rate = $4, transaction_id = $5, next_query_at = $6")
NOTHING: Final = SHARE.move(
    "planned", to="unfreezing", sets="rest = paid, fee_rate = $3, transaction_id = $4, next_query_at = $5"
)
UNKNOWN: Final = SHARE.move("sent", to="unknown")
KNOWN: Final = SHARE.move("unknown", to="sent", sets="share_id = $3")
DONE: Final = SHARE.move("sent", "unknown", "unfreezing", to="done", sets="next_query_at = NULL")
UNFREEZING: Final = SHARE.move(
    "sent", "unknown", to="unfreezing", sets="next_query_at = $2, failure = $3, queries = 0, refusals = 0"
)
STUCK: Final = SHARE.move("unfreezing", to="stuck", sets="next_query_at = NULL, failure = $3")
FREED: Final = SHARE.move("stuck", to="done", sets="next_query_at = NULL")
AGAIN: Final = SHARE.move("stuck", to="unfreezing", sets="next_query_at = $2, queries = 0, refusals = 0")

GIVEN: Final = PART.move("pending", to="succeeded", sets="succeeded_at = $3")
NOT_GIVEN: Final = PART.move("pending", to="failed", sets="reason = $3")

BACK_SENT: Final = RETURN.move("planned", to="sent", sets="next_query_at = $3")
BACK_UNKNOWN: Final = RETURN.move("sent", to="unknown")
BACK_KNOWN: Final = RETURN.move("unknown", to="sent")
BACK_DONE: Final = RETURN.move("sent", "unknown", to="succeeded", sets="next_query_at = NULL, succeeded_at = $3")
BACK_FAILED: Final = RETURN.move("sent", "unknown", to="failed", sets="reason = $3, next_query_at = NULL")
BACK_REPLACED: Final = RETURN.move("failed", to="replaced")
BACK_WAIVED: Final = RETURN.move("failed", to="waived")

_SHARE: Final = "SELECT * FROM shares WHERE id = $1"
_OF_CHARGE: Final = "SELECT * FROM shares WHERE charge_id = $1"
_PARTS: Final = "SELECT * FROM share_parts WHERE share_id = $1 ORDER BY position"
_RETURNS: Final = """
SELECT t.* FROM share_returns t JOIN share_parts p ON p.id = t.part_id
WHERE t.share_id = $1 ORDER BY t.created_at, p.position, t.id
"""
_RETURN: Final = "SELECT * FROM share_returns WHERE id = $1"
_LATER: Final = "UPDATE shares SET queries = queries + 1, next_query_at = $2 WHERE id = $1 AND state <> 'done'"
_REFUSED: Final = "UPDATE shares SET refusals = refusals + 1 WHERE id = $1"
_TOLD: Final = "UPDATE shares SET share_id = $2 WHERE id = $1 AND share_id IS NULL"
_BACK_LATER: Final = """
UPDATE share_returns SET queries = queries + 1, next_query_at = $2 WHERE id = $1 AND state IN ('sent', 'unknown')
"""
# Two people closed the case of a refusal: the biller booked the line by hand.
_LINES: Final = """
SELECT l.id, l.amount, l.state, CASE WHEN EXISTS (SELECT 1 FROM cases k WHERE k.kind = 'settle_refused'
  AND k.key = l.id AND k.state = 'resolved') THEN 1 ELSE 0 END AS by_hand
FROM order_lines l WHERE l.order_id = $1 ORDER BY l.position
"""
_GONE: Final = f"""
SELECT line_id, amount FROM refunds WHERE order_id = $1 AND suspense_id IS NULL AND state IN ({quoted(GOING)})
"""  # noqa: S608 - The names of our own states.


@dataclass(frozen=True, slots=True)
class Share:
    """What is, or will be, given to others of one paid charge; amounts in fen."""

    id: str
    charge_id: str
    order_id: str
    merchant_id: str
    gateway: str
    account: str
    out_trade_no: str
    transaction_id: str | None
    rules: Mapping[str, str]
    paid: int
    rest: int | None
    fees: FeeTerms
    out_order_no: str
    out_finish_no: str
    state: str
    refusals: int
    queries: int
    trace_id: str
    created_at: int
    known: bool


@dataclass(frozen=True, slots=True)
class Part:
    """What one receiver gets, in fen."""

    id: str
    receiver: str
    rule_id: str
    amount: int
    state: str


@dataclass(frozen=True, slots=True)
class Back:
    """A part, or some of it, on its way back from its receiver; ``amount`` in fen."""

    id: str
    share_id: str
    part_id: str
    refund_id: str | None
    out_return_no: str
    amount: int
    state: str
    queries: int
    trace_id: str


@dataclass(frozen=True, slots=True)
class Standing:
    """An order's lines and refunds as sharing sees them. ``open``: a biller's word is missing, ``refused``: it was no
    and nobody has decided what follows."""

    lines: tuple[LineLeft, ...]
    gone: Gone
    going: int
    open: bool
    refused: bool


async def share(reader: Reader, share_id: str) -> Share | None:
    row = await reader.row(_SHARE, share_id)
    return _share(row) if row is not None else None


async def of_charge(reader: Reader, charge_id: str) -> Share | None:
    row = await reader.row(_OF_CHARGE, charge_id)
    return _share(row) if row is not None else None


async def parts(reader: Reader, share_id: str) -> list[Part]:
    rows = await reader.rows(_PARTS, share_id)
    return [Part(row["id"], row["receiver"], row["rule_id"], row["amount"], row["state"]) for row in rows]


async def returns(reader: Reader, share_id: str) -> list[Back]:
    return [_back(row) for row in await reader.rows(_RETURNS, share_id)]


async def back(reader: Reader, return_id: str) -> Back | None:
    row = await reader.row(_RETURN, return_id)
    return _back(row) if row is not None else None


async def standing(tx: Tx, order_id: str) -> Standing:
    """Return how an order's lines and refunds stand, under the order's lock."""
    lines, refunds = await tx.rows(_LINES, order_id), await tx.rows(_GONE, order_id)
    gone = Gone(
        lines=frozenset(row["line_id"] for row in refunds if row["line_id"] not in (None, _PART_OF_ORDER)),
        all_others=any(row["line_id"] is None for row in refunds),
        parts=sum(row["amount"] for row in refunds if row["line_id"] == _PART_OF_ORDER),
    )
    kept = [row for row in lines if not gone.all_others and row["id"] not in gone.lines]
    return Standing(
        lines=tuple(
            LineLeft(row["id"], row["amount"], row["state"] != "refused" or bool(row["by_hand"])) for row in lines
        ),
        gone=gone,
        going=sum(row["amount"] for row in refunds),
        open=any(row["state"] in ("sent", "unknown", "reversing") for row in lines)
        or any(row["state"] == "none" for row in kept),
        refused=any(_refused(row) for row in kept),
    )


def _refused(row: Row) -> bool:
    return row["state"] == "refused" and not row["by_hand"]


async def ask_later(tx: Tx, share_id: str, moment: datetime) -> None:
    await tx.execute(_LATER, share_id, to_micros(moment))


async def ask_back_later(tx: Tx, return_id: str, moment: datetime) -> None:
    await tx.execute(_BACK_LATER, return_id, to_micros(moment))


async def count_refusal(tx: Tx, share_id: str) -> None:
    await tx.execute(_REFUSED, share_id)


async def remember_id(tx: Tx, share_id: str, vendor_id: str) -> None:
    await tx.execute(_TOLD, share_id, vendor_id)


# --- bookkeeping: the money itself lies at the gateway, and moves there ----------------------------------------------


async def reserve(tx: Tx, of: Share, part: Part, now: datetime) -> None:
    """Post that a part is about to be given away."""
    way = Posting(accounts.merchant_due(of.merchant_id), accounts.sharing(of.gateway, of.account), part.amount)
    await post(tx, f"share:{part.id}", [way], _refs(of), now)


async def give(tx: Tx, of: Share, part: Part, now: datetime) -> None:
    """Post that the receiver has it."""
    receiver = accounts.shared(of.merchant_id, part.receiver)
    way = Posting(accounts.sharing(of.gateway, of.account), receiver, part.amount)
    await post(tx, f"shared:{part.id}", [way], _refs(of), now)


async def keep(tx: Tx, of: Share, part: Part, now: datetime) -> None:
    """Post that the merchant keeps it after all."""
    way = Posting(accounts.sharing(of.gateway, of.account), accounts.merchant_due(of.merchant_id), part.amount)
    await post(tx, f"unshared:{part.id}", [way], _refs(of), now)


async def take_back(tx: Tx, of: Share, part: Part, returned: Back, now: datetime) -> None:
    """Post that the receiver gave it, or some of it, back to the merchant."""
    receiver = accounts.shared(of.merchant_id, part.receiver)
    way = Posting(receiver, accounts.merchant_due(of.merchant_id), returned.amount)
    await post(tx, f"returned:{returned.id}", [way], _refs(of), now)


def _refs(of: Share) -> Refs:
    return Refs(of.trace_id, of.order_id, of.charge_id)


def _share(row: Row) -> Share:
    rate = row["fee_rate"]
    return Share(
        id=row["id"],
        charge_id=row["charge_id"],
        order_id=row["order_id"],
        merchant_id=row["merchant_id"],
        gateway=row["gateway"],
        account=row["gateway_account"],
        out_trade_no=row["out_trade_no"],
        transaction_id=row["transaction_id"],
        rules=json.loads(row["rules"]),
        paid=row["paid"],
        rest=row["rest"],
        fees=FeeTerms(None if rate < 0 else rate),
        out_order_no=row["out_order_no"],
        out_finish_no=row["out_finish_no"],
        state=row["state"],
        refusals=row["refusals"],
        queries=row["queries"],
        trace_id=row["trace_id"],
        created_at=row["created_at"],
        known=row["share_id"] is not None,
    )


def _back(row: Row) -> Back:
    return Back(
        id=row["id"],
        share_id=row["share_id"],
        part_id=row["part_id"],
        refund_id=row["refund_id"],
        out_return_no=row["out_return_no"],
        amount=row["amount"],
        state=row["state"],
        queries=row["queries"],
        trace_id=row["trace_id"],
    )
