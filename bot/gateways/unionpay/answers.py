"""What UnionPay's two-digit answers mean: for each call what may be concluded, and what a query says of a trade."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """What a verified respCode lets us conclude about one kind of call."""

    DONE = "done"  # Accepted; for a refund that says no more than that it is under way.
    REFUSED = "refused"  # An explicit no: this request made nothing.
    ASK = "ask"  # The number is already in some state: only a query tells which.
    MISSING = "missing"  # No such number; not a failure (payments.md, trap 3).
    AGAIN = "again"  # Repeat the identical request once, at once.
    EXPIRED = "expired"  # The time for this call is over.
    UNKNOWN = "unknown"  # Nothing can be concluded.


class Call(StrEnum):
    """The calls that the table speaks about."""

    CREATE = "create"
    SCAN = "scan"
    QUERY = "query"
    REVERSE = "reverse"
    REFUND = "refund"


class Trade(StrEnum):
    """What an ``origRespCode`` says about the money of a consumption."""

    PAID = "paid"
    WAITING = "waiting"
    FAILED = "failed"  # This attempt took no money.
    CLOSED = "closed"  # Nobody can pay it any more, and nobody did.
    WENT_BACK = "went_back"  # Paid, then given back as a whole.


class Refunded(StrEnum):
    """What an ``origRespCode`` says about a refund."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    FAILED = "failed"
    ABNORMAL = "abnormal"  # The payer's card takes nothing any more: a person must act.


@dataclass(frozen=True, slots=True)
class Code:
    """One answer: our word for it, the argument, and its verdict for each call (UNKNOWN where not given).

    Every answer that comes here is verified, a refusal too; what is not verified is no answer (``client``).
    The meanings are those of UnionPay's published list (平台应答码); what we conclude from them is our own and is
    cautious: a code that is not here concludes nothing.
    """

    ours: str
    why: str
    create: Verdict = Verdict.UNKNOWN
    scan: Verdict = Verdict.UNKNOWN
    query: Verdict = Verdict.UNKNOWN
    reverse: Verdict = Verdict.UNKNOWN
    refund: Verdict = Verdict.UNKNOWN
    trade: Trade | None = None
    refunded: Refunded | None = None

    def verdict(self, call: Call) -> Verdict:
        verdict = getattr(self, call.value)
        assert isinstance(verdict, Verdict)
        return verdict


_D, _R, _A = Verdict.DONE, Verdict.REFUSED, Verdict.ASK

_DONE: Final = Code(
    "done",
    "Accepted, or carried out.",
    create=_D,
    scan=_D,
    query=_D,
    reverse=_D,
    refund=_D,
    trade=Trade.PAID,
    refunded=Refunded.SUCCEEDED,
)
# 03, 04 and 05 ask to be asked again; at the partner gateway the same 03 means closed (payments.md §4.3).
_UNDER_WAY: Final = Code(
    "under_way",
    "Not known yet, or accepted: ask again.",
    scan=_D,
    trade=Trade.WAITING,
    refunded=Refunded.PENDING,
)
_CLOSED_SHOP: Final = Code("trouble", "UnionPay or the issuer is closed or busy.", create=Verdict.AGAIN)
_BAD_REQUEST: Final = Code(
    "bad_request", "A field is wrong or missing: nothing is made.", create=_R, scan=_R, refund=_R
)
_CREDENTIALS: Final = Code("credentials", "Our signature was refused. Never a no to a refund.", create=_R)
_USED: Final = Code(
    "number_used", "The number is in use, most likely by us.", create=_A, scan=_A, reverse=_A, refund=_A
)
_MERCHANT: Final = Code(
    "not_allowed", "The merchant may not do this: nothing is made.", create=_R, scan=_R, refund=_R, trade=Trade.FAILED
)
_LIMIT: Final = Code(
    "rule",
    "A limit forbids it: nothing is made.",
    create=_R,
    scan=_R,
    refund=_R,
    trade=Trade.FAILED,
    refunded=Refunded.FAILED,
)
_DECLINED: Final = Code(
    "declined", "The trade failed and took no money.", scan=_R, trade=Trade.FAILED, refunded=Refunded.FAILED
)
_CARD: Final = Code(
    "payer_account",
    "The payer's card is no good: no money for us, and a refund cannot go there.",
    scan=_R,
    trade=Trade.FAILED,
    refunded=Refunded.ABNORMAL,
)
_MISSING: Final = Code("not_found", "No such trade: it may still come.", query=Verdict.MISSING, reverse=_A)
_ORIGINAL: Final = Code(
    "original",
    "The original is missing or in a state that does not allow this; for a refund it may be just behind.",
    reverse=_A,
    refund=_A,
)
_MISMATCH: Final = Code("original", "The original is another than we say.", reverse=_A, refund=_R)
_TOO_LATE: Final = Code(
    "too_late",
    "Not within the hours or days in which this is accepted.",
    create=_R,
    scan=_R,
    reverse=Verdict.EXPIRED,
    refund=_R,
)
_GONE_BACK: Final = Code("went_back", "Already refunded or cancelled.", reverse=_A, refund=_A, trade=Trade.WENT_BACK)
_TIMED_OUT: Final = Code(
    "closed",
    "The payer's time is over, or the order was reversed while unpaid.",
    scan=_R,
    trade=Trade.CLOSED,
    refunded=Refunded.FAILED,
)
_FLAWED: Final = Code(
    "flawed",
    "Money moved, but something after it did not work (有缺陷的成功, 扣款成功). The statement decides, not this word.",
)
_OFTEN: Final = Code("busy", "Asked too often: later.")
_FILE: Final = Code("statement", "Said about files only; statement.py reads it.")

CODES: Final[Mapping[str, Code]] = {
    "00": _DONE,
    "01": _DECLINED,
    "02": _CLOSED_SHOP,
    "03": _UNDER_WAY,
    "04": _UNDER_WAY,
    "05": _UNDER_WAY,
    "06": _CLOSED_SHOP,
    "10": _BAD_REQUEST,
    "11": _CREDENTIALS,
    "12": _USED,
    "13": _BAD_REQUEST,
    "30": _DECLINED,
    "31": _MERCHANT,
    "32": _MERCHANT,
    "33": _LIMIT,
    "34": _MISSING,
    "35": _ORIGINAL,
    "36": _MISMATCH,
    "37": _OFTEN,
    "38": _LIMIT,
    "39": _TOO_LATE,
    "42": _FLAWED,
    "43": _MERCHANT,
    "44": _DECLINED,
    "45": _GONE_BACK,
    "60": _DECLINED,
    "61": _CARD,
    "62": _DECLINED,
    "63": _CARD,
    "64": _DECLINED,
    "65": _DECLINED,
    "66": _DECLINED,
    "67": _DECLINED,
    "68": _DECLINED,
    "69": _TIMED_OUT,
    "70": _UNDER_WAY,
    "71": _DECLINED,
    "73": _CARD,
    "74": _FLAWED,
    "75": _FLAWED,
    "77": _DECLINED,
    "78": _DECLINED,
    "83": _UNDER_WAY,
    "98": _FILE,
    "A6": _FLAWED,
}
TRADES: Final[Mapping[str, Trade]] = {code: entry.trade for code, entry in CODES.items() if entry.trade}
REFUNDS: Final[Mapping[str, Refunded]] = {code: entry.refunded for code, entry in CODES.items() if entry.refunded}
NO_FILE: Final = "98"


def verdict_of(call: Call, code: str) -> Verdict:
    """Return what a verified respCode concludes about a call; UNKNOWN for one that is not in the table."""
    entry = CODES.get(code)
    return entry.verdict(call) if entry else Verdict.UNKNOWN


def word_of(code: str) -> str:
    """Return our word for a code of the table, and the code itself for another."""
    entry = CODES.get(code)
    return entry.ours if entry else code
