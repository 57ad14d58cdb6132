"""Reads a notice: its certificate and signature are verified over the raw pairs before anything is taken from them."""

import hashlib
from datetime import datetime
from typing import Final

from bot.gateways.unionpay.account import UnionPayAccount
from bot.gateways.unionpay.answers import REFUNDS, TRADES, Refunded, Trade
from bot.gateways.unionpay.certificates import Trust
from bot.gateways.unionpay.crypto import Pairs, read_form
from bot.gateways.unionpay.mapping import REFUND, REFUND_STATES, Malformed, paid_fact, refund_fact
from bot.payments.facts import Notice, PaidFact, RawNotice, RefundFact, Unverified

BODY_MAX: Final = 64 * 1024
_ID_MAX: Final = 64
_CONSUME: Final = "01"
_ACCEPTED: Final = (200, "text/plain", b"ok")
_REFUSED: Final = (500, "text/plain", b"fail")


def read(raw: RawNotice, account: UnionPayAccount, trust: Trust, now: datetime) -> Notice | Unverified:
    """Return the notice that these bytes prove, or why they prove none, with the HTTP status to answer.

    One certificate signs the notices of all merchants, so a notice of another merchant is as genuine as ours and
    could be sent to us by that merchant: it is refused like a forgery, and nothing of it is kept.

    A notice bears neither a time of sending nor a number of its own. What tells a repetition is the transaction
    (``queryId``) with what is said about it; the inbox keeps that for ever, so there is no age at which one is stale.
    """
    if len(raw.body) > BODY_MAX:
        return Unverified("too_large", 413)
    pairs = read_form(raw.body)
    if fault := trust.fault(pairs, now):
        return Unverified(fault)
    assert pairs, "what was verified is there"
    if pairs.get("merId") != account.mer_id:
        return Unverified("other_merchant", 403)
    kind, code = f"{pairs.get('txnType', '')}/{pairs.get('txnSubType', '')}", pairs.get("respCode", "")
    identifier = f"{kind}:{pairs.get('queryId', '')}:{code}"
    if not (pairs.get("queryId") and code) or len(identifier) > _ID_MAX:
        return Unverified("malformed_content", 400)
    try:
        fact = _fact(pairs, code)
    except Malformed:
        return Unverified("malformed_content", 400)
    return Notice(identifier, raw.account, fact, kind, hashlib.sha256(raw.body).hexdigest())


def acknowledgement(accepted: bool) -> tuple[int, str, bytes]:
    """Return status, content type and body; status 200 ends the repetitions, any other asks for the next."""
    return _ACCEPTED if accepted else _REFUSED


def _fact(pairs: Pairs, code: str) -> PaidFact | RefundFact | None:
    """Return the fact; None for a genuine notice that is only recorded. Raises Malformed.

    00 is a success, and the signed notice says of it all that a query would: "query before crediting" is UnionPay's
    advice to those who do not compare. A6 (有缺陷的成功) is a success with something wrong, of which nobody can say
    here what: it is recorded, and the sweeper's query and the statement decide.
    """
    kind = (pairs.get("txnType", ""), pairs.get("txnSubType", ""))
    if kind == REFUND:
        refunded = REFUNDS.get(code)
        # A refund from the merchant's console bears no mark of ours; the statement brings it.
        ours = bool(pairs.get("reqReserved")) and refunded not in (None, Refunded.PENDING)
        return refund_fact(pairs, REFUND_STATES[refunded]) if ours and refunded else None
    if kind[0] != _CONSUME or TRADES.get(code) is not Trade.PAID:
        return None
    return paid_fact(pairs)
