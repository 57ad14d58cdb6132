"""What each code of Alipay's lets us conclude about each call; every code stands in a table here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.gateways.alipay.client import Told
from bot.payments.facts import Declined


class Verdict(StrEnum):
    """What a verified refusal lets us conclude about one kind of call."""

    REFUSED = "refused"  # An explicit no: this request made nothing.
    ASK = "ask"  # The number is already in some state: only a query tells which.
    MISSING = "missing"  # No such number; not a failure (payments.md, trap 3).
    AGAIN = "again"  # Repeat the identical request once, at once.
    UNKNOWN = "unknown"  # Nothing can be concluded.


class Call(StrEnum):
    """The calls that the table speaks about."""

    CREATE = "create"
    PAY = "pay"
    QUERY = "query"
    CLOSE = "close"
    CANCEL = "cancel"
    REFUND = "refund"
    REFUND_QUERY = "refund_query"
    SHARE = "share"
    CONTRACT = "contract"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One vendor code: our word for it, the argument, and what it concludes for which calls (UNKNOWN elsewhere).

    Only verified answers come here. ``20000`` and ``ACQ.SYSTEM_ERROR`` never conclude anything (payments.md §4.2).
    A REFUSED refund is asked about once more before it is believed, since an earlier sending may have made it.
    """

    ours: str
    why: str
    refused: frozenset[Call] = frozenset()
    ask: frozenset[Call] = frozenset()
    missing: frozenset[Call] = frozenset()

    def verdict(self, call: Call) -> Verdict:
        if call in self.refused:
            return Verdict.REFUSED
        if call in self.ask:
            return Verdict.ASK
        return Verdict.MISSING if call in self.missing else Verdict.UNKNOWN


def _calls(*calls: Call) -> frozenset[Call]:
    return frozenset(calls)


_PAYS: Final = _calls(Call.CREATE, Call.PAY)
_MAKES: Final = _calls(Call.CREATE, Call.PAY, Call.REFUND, Call.SHARE, Call.CONTRACT)
_STATES: Final = _calls(Call.CREATE, Call.PAY, Call.CLOSE, Call.REFUND)

_BAD_REQUEST: Final = ErrorCode("bad_request", "A field is wrong: checked before anything is made.", refused=_MAKES)
_CREDENTIALS: Final = ErrorCode("credentials", "Our own proof was refused: read by nobody.", refused=_PAYS)
_NOT_ALLOWED: Final = ErrorCode("not_allowed", "The product is not open to this merchant.", refused=_MAKES)
_RULE: Final = ErrorCode("rule", "A limit of Alipay's forbids it: nothing is made.", refused=_MAKES)
_AUTH_CODE: Final = ErrorCode("auth_code", "The payer's code is used up, over or not one.", refused=_calls(Call.PAY))
_PAYER: Final = ErrorCode("payer_mismatch", "This payer cannot pay this trade.", refused=_PAYS)
_PAYER_ACCOUNT: Final = ErrorCode("payer_account", "The payer's account may not pay.", refused=_PAYS)
_PAYER_FUNDS: Final = ErrorCode("funds_short", "The payer lacks money or a way to pay with.", refused=_PAYS)
_FAILED: Final = ErrorCode("payment_failed", "The payment failed for good: scan a new code.", refused=_calls(Call.PAY))
_SELLER_FUNDS: Final = ErrorCode(
    "funds_short",
    "The merchant lacks money. A cancel may be repeated after a deposit, so it concludes nothing there.",
    refused=_calls(Call.REFUND, Call.SHARE),
)
_REFUND_RULE: Final = ErrorCode("rule", "More than is left, or too late for it.", refused=_calls(Call.REFUND))
_TOO_LATE: Final = ErrorCode("too_late", "Cancels end after 24 hours.", refused=_calls(Call.CANCEL))
_PAID: Final = ErrorCode("already_paid", "The trade is paid: the query brings the fact.", ask=_STATES)
_CLOSED: Final = ErrorCode("closed", "The trade is closed: the query says so.", ask=_STATES)
_STATE: Final = ErrorCode("trade", "Not in this state: only the query tells which it is.", ask=_STATES)
_USED: Final = ErrorCode("number_used", "The number stands for other inputs, perhaps ours and paid.", ask=_STATES)
_NO_TRADE: Final = ErrorCode(
    "not_found",
    "No such trade: a precreated or wap trade is only made when its payer opens it, so it may still appear.",
    missing=_calls(Call.QUERY, Call.CLOSE, Call.REFUND_QUERY, Call.SHARE),
    ask=_calls(Call.REFUND),
)
_NO_CONTRACT: Final = ErrorCode("not_found", "No such contract, or one that has ended.", missing=_calls(Call.CONTRACT))
_CONTRACT: Final = ErrorCode("contract", "The contract does not allow it.", refused=_calls(Call.PAY))
_RECEIVER: Final = ErrorCode("receiver", "This receiver cannot be given a share.", refused=_calls(Call.SHARE))
_FROZEN: Final = ErrorCode("frozen", "The trade is frozen: a person must look, and it may be tried later.")
_TROUBLE: Final = ErrorCode("trouble", "Alipay's own trouble: the effect may or may not be there.")
_BILL: Final = ErrorCode("statement", "Said about bills only; bills.py reads it.")

# Anything that is not in this table concludes nothing.
ERRORS: Final[Mapping[str, ErrorCode]] = {
    "ACQ.SYSTEM_ERROR": _TROUBLE,
    "aop.ACQ.SYSTEM_ERROR": _TROUBLE,
    "isp.unknow-error": _TROUBLE,
    "ACQ.INVALID_PARAMETER": _BAD_REQUEST,
    "ACQ.EXIST_FORBIDDEN_WORD": _BAD_REQUEST,
    "ACQ.PARTNER_ERROR": _NOT_ALLOWED,
    "ACQ.ACCESS_FORBIDDEN": _NOT_ALLOWED,
    "ACQ.INVALID_STORE_ID": _BAD_REQUEST,
    "ACQ.SUB_MERCHANT_CREATE_FAIL": _NOT_ALLOWED,
    "ACQ.SUB_MERCHANT_TYPE_INVALID": _NOT_ALLOWED,
    "isv.insufficient-isv-permissions": _NOT_ALLOWED,
    "isv.insufficient-user-permissions": _NOT_ALLOWED,
    "isv.invalid-signature": _CREDENTIALS,
    "isv.invalid-app-auth-token": _CREDENTIALS,
    "isv.missing-signature": _CREDENTIALS,
    "ACQ.TOTAL_FEE_EXCEED": _RULE,
    "ACQ.BEYOND_PAY_RESTRICTION": _RULE,
    "ACQ.BEYOND_PER_RECEIPT_RESTRICTION": _RULE,
    "ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR": _RULE,
    "ACQ.BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR": _RULE,
    "ACQ.PAYMENT_REQUEST_HAS_RISK": _RULE,
    "ACQ.PAYMENT_AUTH_CODE_INVALID": _AUTH_CODE,
    "ACQ.SOUNDWAVE_PARSER_FAIL": _AUTH_CODE,
    "ACQ.BUYER_SELLER_EQUAL": _PAYER,
    "ACQ.TRADE_BUYER_NOT_MATCH": _PAYER,
    "ACQ.BUYER_NOT_EXIST": _PAYER,
    "ACQ.BUYER_ENABLE_STATUS_FORBID": _PAYER_ACCOUNT,
    "ACQ.USER_FACE_PAYMENT_SWITCH_OFF": _PAYER_ACCOUNT,
    "ACQ.MOBILE_PAYMENT_SWITCH_OFF": _PAYER_ACCOUNT,
    "ACQ.BUYER_BALANCE_NOT_ENOUGH": _PAYER_FUNDS,
    "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH": _PAYER_FUNDS,
    "ACQ.ERROR_BALANCE_PAYMENT_DISABLE": _PAYER_FUNDS,
    "ACQ.ERROR_BUYER_CERTIFY_LEVEL_LIMIT": _PAYER_ACCOUNT,
    "ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE": _PAYER_FUNDS,
    "ACQ.PULL_MOBILE_CASHIER_FAIL": _FAILED,
    "ACQ.PAYMENT_FAIL": _FAILED,
    "ACQ.SELLER_BALANCE_NOT_ENOUGH": _SELLER_FUNDS,
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL": _REFUND_RULE,
    "ACQ.REFUND_FEE_ERROR": _REFUND_RULE,
    "ACQ.REFUND_CHARGE_ERROR": _REFUND_RULE,
    "ACQ.TRADE_NOT_ALLOW_REFUND": _REFUND_RULE,
    "ACQ.ONLINE_TRADE_VOUCHER_NOT_ALLOW_REFUND": _REFUND_RULE,
    "ACQ.TRADE_CANCEL_TIME_OUT": _TOO_LATE,
    "ACQ.TRADE_HAS_SUCCESS": _PAID,
    "ACQ.TRADE_HAS_FINISHED": _PAID,
    "ACQ.TRADE_HAS_CLOSE": _CLOSED,
    "ACQ.TRADE_STATUS_ERROR": _STATE,
    "ACQ.REASON_TRADE_STATUS_INVALID": _STATE,
    "ACQ.CONTEXT_INCONSISTENT": _USED,
    "ACQ.DISCORDANT_REPEAT_REQUEST": _USED,
    "ACQ.TRADE_NOT_EXIST": _NO_TRADE,
    "ACQ.TRADE_SETTLE_NOT_EXIST": _NO_TRADE,
    "ACQ.REASON_TRADE_BEEN_FREEZEN": _FROZEN,
    "ACQ.AGREEMENT_NOT_EXIST": _CONTRACT,
    "ACQ.AGREEMENT_INVALID": _CONTRACT,
    "ACQ.AGREEMENT_ERROR": _CONTRACT,
    "ACQ.CYCLE_PAY_DATE_NOT_MATCH": _CONTRACT,
    "ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED": _CONTRACT,
    "ACQ.CYCLE_PAY_TOTAL_TIMES_EXCEED": _CONTRACT,
    "USER_AGREEMENT_NOT_EXIST": _NO_CONTRACT,
    "ACQ.ROYALTY_RECEIVER_INVALID": _RECEIVER,
    "ACQ.ALLOC_AMOUNT_VALIDATE_ERROR": _RULE,
    "ACQ.USER_NOT_EXIST": _RECEIVER,
    "ACQ.USER_LOGONID_DUP": _RECEIVER,
    "isp.bill_not_exist": _BILL,
}
# Said of what the open platform itself refused: nothing was handed on to the business.
_PLATFORM: Final[Mapping[str, ErrorCode]] = {
    "40001": _BAD_REQUEST,
    "40002": _BAD_REQUEST,
    "40003": _NOT_ALLOWED,
    "40006": _NOT_ALLOWED,
}
NO_BILL: Final = "isp.bill_not_exist"
# The application has no leave to call this at all.
NOT_PERMITTED: Final = "40006"


def verdict_of(call: Call, told: Told) -> Verdict:
    """Return what a verified answer that is not good concludes."""
    if told.code == "20000" or entry_of(told) is _TROUBLE:
        return Verdict.AGAIN if call is Call.CREATE else Verdict.UNKNOWN
    entry = entry_of(told)
    return entry.verdict(call) if entry else Verdict.UNKNOWN


def entry_of(told: Told) -> ErrorCode | None:
    """Return the line of the table that speaks of an answer."""
    return ERRORS.get(told.sub_code) or _PLATFORM.get(told.code)


def declined(told: Told) -> Declined:
    """Return an explicit no in our words."""
    entry = entry_of(told)
    return Declined(entry.ours if entry else "declined", told.sub_code or told.code, told.message)
