"""Reads a notice: verified over its raw bytes, decrypted and parsed; anything else is Unverified, never an error."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.client import read_object
from bot.gateways.wechatpay.contracts import contract_fact
from bot.gateways.wechatpay.crypto import ALGORITHM, unseal
from bot.gateways.wechatpay.fields import Malformed
from bot.gateways.wechatpay.keys import PlatformKeys
from bot.gateways.wechatpay.mapping import TRADE_STATES, TradeMeaning, owner_of, paid_fact, refund_fact
from bot.payments.facts import ContractFact, Notice, PaidFact, RawNotice, RefundFact, Unverified

BODY_MAX: Final = 64 * 1024
_ID_MAX: Final = 64
_RESOURCE_TYPE: Final = "encrypt-resource"
# The first word of event_type tells the same as original_type, where that is left out.
_SUBJECTS: Final = {"TRANSACTION": "transaction", "REFUND": "refund", "ENTRUST": "entrust"}
_ACCEPTED: Final = (204, "application/json", b"")
_REFUSED: Final = (500, "application/json", '{"code":"FAIL","message":"失败"}'.encode())


def read(raw: RawNotice, account: WeChatPayAccount, keys: PlatformKeys, now: datetime) -> Notice | Unverified:
    """Return the notice that these bytes prove, or why they prove none, with the HTTP status to answer.

    WeChat Pay's probes (``WECHATPAY/SIGNTEST/…``, payments.md trap 12) are no valid base64 and fail like any forgery.
    """
    if len(raw.body) > BODY_MAX:
        return Unverified("too_large", 413)
    if fault := keys.fault(raw.headers, raw.body, now):
        return Unverified(fault)
    # From here on the bytes are WeChat Pay's own: what is wrong with them is 400, and is tried again by its schedule.
    envelope = read_object(raw.body)
    resource = envelope.get("resource") if envelope else None
    if envelope is None or not isinstance(resource, dict) or envelope.get("resource_type") != _RESOURCE_TYPE:
        return Unverified("malformed_envelope", 400)
    identifier, kind = envelope.get("id"), envelope.get("event_type")
    if not (isinstance(identifier, str) and isinstance(kind, str) and 0 < len(identifier) <= _ID_MAX and kind):
        return Unverified("malformed_envelope", 400)
    content = _opened(resource, account)
    if content is None:
        return Unverified("undecipherable", 400)
    try:
        fact = _fact(resource.get("original_type") or _SUBJECTS.get(kind.partition(".")[0]), content, account)
    except Malformed:
        return Unverified("malformed_content", 400)
    return Notice(identifier, raw.account, fact, kind, hashlib.sha256(raw.body).hexdigest())


def acknowledgement(accepted: bool) -> tuple[int, str, bytes]:
    """Return status, content type and body; 204 ends the repetitions, FAIL asks for the next (payments.md, trap 19)."""
    return _ACCEPTED if accepted else _REFUSED


def _opened(resource: Mapping[str, object], account: WeChatPayAccount) -> Mapping[str, object] | None:
    nonce, extra, text = resource.get("nonce"), resource.get("associated_data"), resource.get("ciphertext")
    if resource.get("algorithm") != ALGORITHM or not isinstance(nonce, str) or not isinstance(text, str):
        return None
    extra = "" if extra is None else extra
    if not isinstance(extra, str):
        return None
    key = account.apiv3_key.reveal().encode()
    plain = unseal(key, nonce=nonce, associated_data=extra, ciphertext=text)
    return read_object(plain) if plain is not None else None


def _fact(
    original_type: object, content: Mapping[str, object], account: WeChatPayAccount
) -> PaidFact | RefundFact | ContractFact | None:
    """Return the fact; None for a genuine notice of a kind that is only recorded. Raises Malformed.

    Payments and refunds carry whose they are, which the core compares; a contract's fact does not, so one of another
    merchant is only recorded.
    """
    if original_type == "entrust":
        decides = owner_of(content) == account.owner and "contract_state" in content
        return contract_fact(content) if decides else None
    if original_type == "refund":
        owner = owner_of(content)
        if not owner:
            raise Malformed("mchid")
        return refund_fact(content, owner=owner, state_field="refund_status")
    if original_type != "transaction":
        return None
    state = content.get("trade_state")
    paid = isinstance(state, str) and TRADE_STATES.get(state) is TradeMeaning.PAID
    # A transaction in any other state moves nothing; the sweeper's query tells what became of it.
    return paid_fact(content) if paid else None
