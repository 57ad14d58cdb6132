"""付款码: the pay call that is sent once, and the reversal that is believed only when a query confirms it.

Sources: payments.md §4.1 and trap 4; pay.weixin.qq.com/docs/merchant/apis/code-payment-v3/direct/code-pay.html and
reverse.html (fields and answers); pay.weixin.qq.com/doc/v2/merchant/4011937125 and 4011937361 (15 seconds, 7 days).
"""

import re
from datetime import timedelta
from typing import Final

from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.client import Bad, Silent, serialise
from bot.gateways.wechatpay.errors import Call, Verdict, verdict_of
from bot.gateways.wechatpay.fields import Json, Malformed, word
from bot.gateways.wechatpay.mapping import (
    DESCRIPTION_BYTES,
    app_of,
    charge_fact,
    cut_bytes,
    identity,
    one_line,
    order_path,
    owner_of,
    transactions,
)
from bot.gateways.wechatpay.merchants import Merchant, Merchants, ask, declined, ref_of, refusal
from bot.kernel.clock import Clock
from bot.kernel.masking import Secret
from bot.kernel.money import CNY
from bot.payments.facts import (
    ChargeFact,
    ChargeRef,
    Closed,
    Declined,
    Missing,
    NewCharge,
    Paid,
    Unknown,
    Waiting,
    Way,
)
from bot.payments.faculties import CodePace

PACE: Final = CodePace(ask_every=5.0, ask_for=30.0, reverse_after=15.0, reverse_within=7 * 86_400.0)
# 18 digits at present; length and first digits are WeChat's to change, that they are digits is not.
_AUTH_CODE: Final = re.compile(r"[0-9]{16,24}", re.ASCII)
_STORE_MAX: Final = 32


class WeChatPayCodes:
    """See ``payments.faculties.Codes``. The code itself exists in one request body and nowhere else."""

    pace = PACE

    def __init__(self, merchants: Merchants, clock: Clock) -> None:
        self._merchants = merchants
        self._clock = clock

    async def pay(self, charge: NewCharge, auth_code: Secret) -> Paid | Waiting | Declined | Unknown:
        """Send the pay call once. A refusal counts only when it is signed, for this call itself takes the money."""
        seller = self._merchants.of(charge.account)
        if unfit := _unfit(charge, auth_code, seller.account):
            return Declined(unfit)
        path = f"{transactions(seller.account)}/codepay"
        reply = await seller.client.post(path, serialise(code_body(charge, auth_code, seller.account)))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if isinstance(reply, Bad):
            return await self._not_paid(seller, charge, reply)
        try:
            return _outcome(charge_fact(reply.data, charge.out_trade_no, seller.account.owner))
        except Malformed as fault:
            return Unknown(f"malformed_{fault}")

    async def reverse(self, charge: ChargeRef) -> ChargeFact:
        """Undo the charge. Its answer says neither whether it was paid nor, with recall=Y, that it is done.

        So the end is taken from a query after it, and whatever else that says means: reverse again. An order that
        the query still tells as paid is no payment to credit, since its money is on the way back.
        """
        seller = self._merchants.of(charge.account)
        if self._clock.now() - charge.created_at > timedelta(seconds=PACE.reverse_within):
            return Declined("reverse_over")
        body = serialise(identity(seller.account, charge.payer_app or seller.account.appids[0]))
        reply = await seller.client.post(order_path(seller.account, charge.out_trade_no, "/reverse"), body)
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if isinstance(reply, Bad):
            return await _not_reversed(seller, charge, reply)
        if reply.data and not _about(reply.data, charge, seller.account):
            return Unknown("answer_about_another")
        if word(reply.data, "recall") == "Y":
            return Waiting("RECALL")
        return _end(await ask(seller, charge)) or Unknown("reversal_unconfirmed")

    async def _not_paid(self, seller: Merchant, charge: NewCharge, reply: Bad) -> Paid | Waiting | Declined | Unknown:
        """Conclude from a refusal of the pay call."""
        match verdict_of(Call.CODE, reply.status, reply.code):
            case Verdict.WAITING:
                return Waiting(reply.code)
            case Verdict.REFUSED if reply.signed:
                return declined(reply)
            case Verdict.ASK:
                fact = await ask(seller, ref_of(charge))
                if isinstance(fact, Missing) and reply.signed:
                    return declined(reply)
                return Unknown(refusal(reply)) if isinstance(fact, Missing) else _outcome(fact)
        return Unknown(refusal(reply))


def code_body(charge: NewCharge, auth_code: Secret, account: WeChatPayAccount) -> Json:
    """Return the body of a pay call. There is no notify_url and no time_expire: the answer and queries tell.

    ``scene_info.store_info`` is required; the store's own number goes into ``out_id``, the account's name where the
    charge names no store.
    """
    scene: dict[str, object] = {"store_info": {"out_id": cut_bytes(charge.store or account.key, _STORE_MAX)}}
    if charge.device:
        scene["device_id"] = cut_bytes(charge.device, _STORE_MAX)
    if charge.payer_ip:
        scene["device_ip"] = charge.payer_ip
    body: dict[str, object] = {
        **identity(account, app_of(charge, account)),
        "description": one_line(charge.description, DESCRIPTION_BYTES),
        "out_trade_no": charge.out_trade_no,
        "payer": {"auth_code": auth_code.reveal()},
        "amount": {"total": charge.amount, "currency": charge.currency},
        "scene_info": scene,
    }
    if charge.attach:
        body["attach"] = charge.attach
    if charge.share:
        body["settle_info"] = {"profit_sharing": True}
    return body


async def _not_reversed(seller: Merchant, charge: ChargeRef, reply: Bad) -> ChargeFact:
    match verdict_of(Call.REVERSE, reply.status, reply.code):
        case Verdict.WAITING:
            return Waiting(reply.code)
        case Verdict.MISSING:
            return Missing()
        case Verdict.REFUSED if reply.signed:
            return declined(reply)
        case Verdict.ASK:
            return _end(await ask(seller, charge)) or Unknown(refusal(reply))
    return Unknown(refusal(reply))


def _unfit(charge: NewCharge, auth_code: Secret, account: WeChatPayAccount) -> str:
    """Return why a code cannot even be sent: a plain no, since nothing was."""
    if charge.way is not Way.CODE:
        return "way_unsupported"
    if charge.currency != CNY:
        return "currency"
    if charge.payer_app and charge.payer_app not in account.appids:
        return "app_not_bound"
    return "" if _AUTH_CODE.fullmatch(auth_code.reveal()) else "code_malformed"


def _outcome(fact: ChargeFact) -> Paid | Waiting | Declined | Unknown:
    """Return what a transaction's state says about the pay call."""
    match fact:
        case Closed(vendor_state, was_paid=False):
            return Declined("closed", vendor_state)
        case Closed(vendor_state):
            # Paid and given back: whoever did that, the charge has to be asked about.
            return Unknown(f"state_{vendor_state}")
        case Missing():
            return Unknown("not_found")
    return fact


def _about(data: Json, charge: ChargeRef, account: WeChatPayAccount) -> bool:
    return data.get("out_trade_no") == charge.out_trade_no and owner_of(data) == account.owner


def _end(fact: ChargeFact) -> Closed | None:
    return fact if isinstance(fact, Closed) else None
