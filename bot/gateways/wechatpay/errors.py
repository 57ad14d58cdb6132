"""What every error code of WeChat Pay lets us conclude about each kind of call, as one table with its arguments."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """What an error code lets us conclude about one kind of call."""

    REFUSED = "refused"  # An explicit no: this request made nothing.
    ASK = "ask"  # The number is already in some state: only a query tells which.
    WAITING = "waiting"  # Under way at the payer's side.
    MISSING = "missing"  # No such number; not a failure (trap 3).
    AGAIN = "again"  # Repeat the identical request once, at once.
    UNKNOWN = "unknown"  # Nothing can be concluded.


class Call(StrEnum):
    """The calls that the table speaks about."""

    CREATE = "create"
    QUERY = "query"
    CLOSE = "close"
    REFUND = "refund"
    REFUND_QUERY = "refund_query"
    CODE = "code"
    REVERSE = "reverse"
    SHARE = "share"  # Every call of 分账 that has an effect.
    SHARE_QUERY = "share_query"
    CONTRACT = "contract"  # Signing, announcing and ending a contract.
    CONTRACT_QUERY = "contract_query"
    DEDUCT = "deduct"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One vendor code: our word for it, the argument, and its verdict for each call (UNKNOWN where not given).

    The argument that holds for all of them (payments.md, trap 3): answers outside 2xx bear no signature, so they
    never end a charge that somebody may be paying, nor a refund that may be under way.
    CREATE may be REFUSED unsigned, because the payer only gets the means to pay from a *verified* answer to create:
    whatever an unsigned refusal hides, nobody holds a prepay_id, a code_url or an h5_url for this number. Where an
    earlier sending of the same create went unanswered the gateway does not conclude even that.
    Every other REFUSED counts only when the refusal itself is signed: a second refund under a new number would pay
    twice; CODE and DEDUCT pay by themselves, so a payment may stand behind a refusal that somebody else wrote; a
    share that was refused is made again under another number; and REVERSE is refused for good only by its own word.
    QUERY and CLOSE conclude nothing from a refusal but MISSING, which the core never takes for an end.
    """

    ours: str
    why: str
    create: Verdict = Verdict.UNKNOWN
    query: Verdict = Verdict.UNKNOWN
    close: Verdict = Verdict.UNKNOWN
    refund: Verdict = Verdict.UNKNOWN
    refund_query: Verdict = Verdict.UNKNOWN
    code: Verdict = Verdict.UNKNOWN
    reverse: Verdict = Verdict.UNKNOWN
    share: Verdict = Verdict.UNKNOWN
    share_query: Verdict = Verdict.UNKNOWN
    contract: Verdict = Verdict.UNKNOWN
    contract_query: Verdict = Verdict.UNKNOWN
    deduct: Verdict = Verdict.UNKNOWN

    def verdict(self, call: Call) -> Verdict:
        verdict = getattr(self, call.value)
        assert isinstance(verdict, Verdict)
        return verdict


_R, _A, _M, _W = Verdict.REFUSED, Verdict.ASK, Verdict.MISSING, Verdict.WAITING

_BAD_REQUEST: Final = ErrorCode(
    "bad_request",
    "A field is wrong: checked before anything is made.",
    create=_R,
    refund=_R,
    code=_R,
    share=_R,
    contract=_R,
    deduct=_R,
)
_REENTRY: Final = ErrorCode(
    "bad_request",
    "Also said when the number exists with other inputs (268498688), when it has expired or was refunded in full, or "
    "of a share whose order is still being settled, so the number has to be asked for before anything is concluded.",
    create=_A,
    close=_A,
    refund=_A,
    code=_A,
    reverse=_A,
    share=_A,
    contract=_A,
    deduct=_A,
)
_CREDENTIALS: Final = ErrorCode(
    "credentials", "Our signature was refused: the request was read by nobody. Never a no to a refund.", create=_R
)
_NOT_ALLOWED: Final = ErrorCode(
    "not_allowed",
    "The product is not open to this merchant: nothing is made.",
    create=_R,
    refund=_R,
    code=_R,
    share=_R,
    contract=_R,
    deduct=_R,
)
_RULE: Final = ErrorCode(
    "rule",
    "A limit of WeChat Pay's forbids it: nothing is made.",
    create=_R,
    refund=_R,
    code=_R,
    share=_R,
    contract=_R,
    deduct=_R,
)
_APP: Final = ErrorCode(
    "app_not_bound",
    "The appid does not belong to the merchant: nothing is made.",
    create=_R,
    code=_R,
    share=_R,
    contract=_R,
    deduct=_R,
)
_PAYER: Final = ErrorCode(
    "payer_mismatch", "The openid is not of this appid: nothing is made.", create=_R, share=_R, contract=_R
)
_MERCHANT: Final = ErrorCode(
    "merchant",
    "No such merchant, or closed: nothing is made.",
    create=_R,
    code=_R,
    share=_R,
    contract=_R,
    deduct=_R,
)
_ACCOUNT: Final = ErrorCode(
    "payer_account",
    "The payer's account may not pay: nothing is made.",
    create=_R,
    code=_R,
    share=_R,
    contract=_R,
    deduct=_R,
)
_FUNDS: Final = ErrorCode(
    "funds_short",
    "Create: the payer lacks money. Refund: the merchant lacks it; the same number may be tried again after a "
    "deposit, and only a signed refusal ends it. Share: less is left of the payment than was to be shared.",
    create=_R,
    refund=_R,
    code=_R,
    share=_R,
    deduct=_R,
)
_PAYER_GONE: Final = ErrorCode("payer_account", "The payer's account was closed: a person must refund.", refund=_R)
_USED: Final = ErrorCode(
    "number_used", "The number was used before, perhaps by us and paid.", create=_A, code=_A, deduct=_A
)
_PAID: Final = ErrorCode(
    "already_paid", "The order is paid: the query brings the fact.", create=_A, close=_A, code=_A, deduct=_A
)
_CLOSED: Final = ErrorCode(
    "closed",
    "The order is closed or reversed: the query says so verifiably.",
    create=_A,
    close=_A,
    code=_A,
    reverse=_A,
    deduct=_A,
)
_PAYING: Final = ErrorCode(
    "paying",
    "The payer is typing a password: not closable now, and no end of a scanned code or its reversal.",
    create=_A,
    close=_A,
    code=_W,
    reverse=_W,
    deduct=_W,
)
_TRADE: Final = ErrorCode(
    "trade",
    "The trade failed for a reason that only its state tells.",
    create=_A,
    close=_A,
    code=_A,
    reverse=_A,
    deduct=_A,
)
_NO_ORDER: Final = ErrorCode(
    "not_found",
    "No such order: it may still appear, and the payer may still pay. For a refund that says as little, since a "
    "reader just behind the payment says the same. To a share or a contract it is the thing they are about.",
    query=_M,
    close=_M,
    refund_query=_M,
    reverse=_M,
    share=_R,
    share_query=_M,
    contract=_R,
    contract_query=_M,
    deduct=_R,
)
_CODE: Final = ErrorCode("code_refused", "The code is none, is over or was used: nothing is made.", code=_R)
_CARD: Final = ErrorCode("card_refused", "The payer's card cannot be used here: nothing is made.", code=_R)
_EXISTS: Final = ErrorCode(
    "number_used", "It is there already, perhaps by an earlier sending of ours.", share=_A, contract=_A, deduct=_A
)
_OVER: Final = ErrorCode("reverse_over", "Seven days have passed: from now on only a refund gives back.", reverse=_R)
_BUSY: Final = ErrorCode("busy", "Too many calls: not read, and to be repeated later, not at once.")
_BROKEN: Final = ErrorCode(
    "trouble",
    "WeChat Pay's own trouble: repeat with the same parameters. A code is never sent twice (trap 4).",
    create=Verdict.AGAIN,
)
_NOT_A_NUMBER: Final = ErrorCode("bad_request", "The transaction number is malformed; we never send one.")
_BILL: Final = ErrorCode("statement", "Said about bills only; billfile.py reads it.")

# Where two spellings are in use the older pages write the second. Anything that is not in this table is UNKNOWN.
ERRORS: Final[Mapping[str, ErrorCode]] = {
    "PARAM_ERROR": _BAD_REQUEST,
    "INVALID_REQUEST": _REENTRY,
    "SIGN_ERROR": _CREDENTIALS,
    "NO_AUTH": _NOT_ALLOWED,
    "NOAUTH": _NOT_ALLOWED,
    "RULE_LIMIT": _RULE,
    "RULELIMIT": _RULE,
    "REQUEST_BLOCKED": _RULE,
    "APPID_MCHID_NOT_MATCH": _APP,
    "OPENID_MISMATCH": _PAYER,
    "MCH_NOT_EXISTS": _MERCHANT,
    "ACCOUNT_ERROR": _ACCOUNT,
    "ACCOUNTERROR": _ACCOUNT,
    "NOT_ENOUGH": _FUNDS,
    "NOTENOUGH": _FUNDS,
    "USER_ACCOUNT_ABNORMAL": _PAYER_GONE,
    "OUT_TRADE_NO_USED": _USED,
    "ORDER_PAID": _PAID,
    "ORDERPAID": _PAID,
    "ORDER_CLOSED": _CLOSED,
    "ORDERCLOSED": _CLOSED,
    "ORDER_REVERSED": _CLOSED,
    "ORDERREVERSED": _CLOSED,
    "USERPAYING": _PAYING,
    "USER_PAYING": _PAYING,
    "TRADE_ERROR": _TRADE,
    "ORDER_NOT_EXIST": _NO_ORDER,
    "ORDERNOTEXIST": _NO_ORDER,
    "RESOURCE_NOT_EXISTS": _NO_ORDER,
    "AUTH_CODE_EXPIRED": _CODE,
    "AUTHCODEEXPIRE": _CODE,
    "AUTH_CODE_ERROR": _CODE,
    "AUTH_CODE_INVALID": _CODE,
    "NOT_SUPPORT_CARD": _CARD,
    "NOTSUPORTCARD": _CARD,
    "RESOURCE_ALREADY_EXISTS": _EXISTS,
    "ALREADY_EXISTS": _EXISTS,
    "REVERSE_EXPIRE": _OVER,
    "FREQUENCY_LIMITED": _BUSY,
    "FREQUENCY_LIMIT_EXCEED": _BUSY,
    "RATELIMIT_EXCEEDED": _BUSY,
    "SYSTEM_ERROR": _BROKEN,
    "SYSTEMERROR": _BROKEN,
    "BANK_ERROR": _BROKEN,
    "BANKERROR": _BROKEN,
    "INVALID_TRANSACTIONID": _NOT_A_NUMBER,
    "NO_STATEMENT_EXIST": _BILL,
    "STATEMENT_CREATING": _BILL,
}
NO_STATEMENT: Final = "NO_STATEMENT_EXIST"


def verdict_of(call: Call, status: int, code: str) -> Verdict:
    """Return what an answer outside 2xx concludes; only a 4xx refuses, whatever code another bears.

    A 5xx is as good as no answer, so it repeats a create (WeChat Pay and every proxy before it say it of trouble
    that may have struck before or after the effect). An answer without a code of the table is UNKNOWN.
    """
    if status >= 500:
        return Verdict.AGAIN if call is Call.CREATE else Verdict.UNKNOWN
    entry = ERRORS.get(code)
    return entry.verdict(call) if entry and status >= 400 else Verdict.UNKNOWN
