"""Reads a bank's notice: verified over its raw bytes, then parsed; anything else is Unverified, never an error."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bot.gateways.bankapp.account import BankAccount
from bot.gateways.bankapp.client import read_object
from bot.gateways.bankapp.crypto import BankKeys
from bot.gateways.bankapp.mapping import Malformed, paid_fact, refund_fact
from bot.payments.facts import Notice, PaidFact, RawNotice, RefundFact, Unverified

BODY_MAX: Final = 64 * 1024
_ID_MAX: Final = 64
_ACCEPTED: Final = (200, "application/json", b'{"result":"ok"}')
_REFUSED: Final = (500, "application/json", b'{"result":"again"}')


def read(raw: RawNotice, account: BankAccount, keys: BankKeys, now: datetime) -> Notice | Unverified:
    """Return the notice that these bytes prove, or why they prove none, with the HTTP status to answer."""
    if len(raw.body) > BODY_MAX:
        return Unverified("too_large", 413)
    if fault := keys.notice_fault(raw.headers, account.merchant, raw.body, now):
        return Unverified(fault)
    # From here on the bytes are the bank's own: what is wrong with them is 400, and is tried again by its schedule.
    envelope = read_object(raw.body)
    identifier = envelope.get("id") if envelope else None
    kind = envelope.get("kind") if envelope else None
    if envelope is None or not (isinstance(identifier, str) and isinstance(kind, str) and kind):
        return Unverified("malformed_envelope", 400)
    if not 0 < len(identifier) <= _ID_MAX:
        return Unverified("malformed_envelope", 400)
    try:
        fact = _fact(kind, envelope, account)
    except Malformed:
        return Unverified("malformed_content", 400)
    return Notice(identifier, raw.account, fact, kind, hashlib.sha256(raw.body).hexdigest())


def acknowledgement(accepted: bool) -> tuple[int, str, bytes]:
    """Return status, content type and body; status 200 ends the repetitions, any other asks for the next."""
    return _ACCEPTED if accepted else _REFUSED


def _fact(kind: str, envelope: Mapping[str, object], account: BankAccount) -> PaidFact | RefundFact | None:
    """Return the fact; None for a genuine notice of a kind that is only recorded. Raises Malformed."""
    subject = kind.partition(".")[0]
    content = envelope.get(subject)
    if subject not in ("payment", "refund"):
        return None
    if not isinstance(content, dict) or content.get("merchant") != account.merchant:
        raise Malformed(subject)
    if subject == "refund":
        return refund_fact(content)
    # A payment in any other state moves nothing; the sweeper's query tells what became of it.
    return paid_fact(content) if content.get("state") == "paid" else None
