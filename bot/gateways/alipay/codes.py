"""付款码: the merchant scans the payer's code; paid, waiting for a password, declined or unknown, and its undoing."""

import re
from dataclasses import replace
from typing import Final

from bot.gateways.alipay.account import FACE_TO_FACE
from bot.gateways.alipay.client import Silent, Told
from bot.gateways.alipay.errors import Call, Verdict, declined, verdict_of
from bot.gateways.alipay.mapping import Json, Malformed, paid_fact, trade_content
from bot.gateways.alipay.merchants import Merchant, Merchants
from bot.kernel.masking import Secret
from bot.kernel.money import CNY
from bot.payments.facts import ChargeFact, ChargeRef, Closed, Declined, Missing, NewCharge, Paid, Unknown, Waiting, Way
from bot.payments.faculties import CodePace

PAY: Final = "alipay.trade.pay"
CANCEL: Final = "alipay.trade.cancel"
PAYING: Final = "10003"
# 25 to 30, then 14 to 22 digits more.
_AUTH_CODE: Final = re.compile(r"(?:2[5-9]|30)\d{14,22}", re.ASCII)
_ACTIONS: Final = ("close", "refund")


class AlipayCodes:
    """See ``payments.faculties.Codes``. Timings: payments.md, trap 4."""

    # Every 3 to 6 seconds for about a minute, then cancel; cancels are taken for 24 hours.
    pace = CodePace(ask_every=4.0, ask_for=60.0, reverse_after=0.0, reverse_within=24 * 3600.0)

    def __init__(self, merchants: Merchants) -> None:
        self._merchants = merchants

    async def pay(self, charge: NewCharge, auth_code: Secret) -> Paid | Waiting | Declined | Unknown:
        merchant = self._merchants.of(charge.account)
        if charge.way is not Way.CODE:
            return Declined("way_unsupported")
        if charge.currency != CNY:
            return Declined("currency")
        if not _AUTH_CODE.fullmatch(auth_code.reveal()):
            return Declined("auth_code")
        content = {
            **trade_content(charge, merchant.account, FACE_TO_FACE),
            "scene": "bar_code",
            "auth_code": auth_code.reveal(),
        }
        reply = await merchant.client.call(PAY, content, charge.notify_url)
        return read_payment(reply, charge, merchant)

    async def reverse(self, charge: ChargeRef) -> ChargeFact:
        merchant = self._merchants.of(charge.account)
        reply = await merchant.client.call(CANCEL, {"out_trade_no": charge.out_trade_no})
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if reply.good:
            return _reversed(reply.data, charge)
        refused = verdict_of(Call.CANCEL, reply) is Verdict.REFUSED
        return declined(reply) if refused else Unknown(reply.reason)


def read_payment(reply: Told | Silent, charge: NewCharge, merchant: Merchant) -> Paid | Waiting | Declined | Unknown:
    """Return what the answer to ``alipay.trade.pay`` proves; 20000 and whatever is not in the table prove nothing."""
    if isinstance(reply, Silent):
        return Unknown(reply.reason)
    if reply.code in ("10000", PAYING) and reply.data.get("out_trade_no") != charge.out_trade_no:
        return Unknown("answer_about_another")
    if reply.code == PAYING:
        return Waiting("order_success_pay_inprocess")
    if reply.good:
        try:
            return Paid(replace(paid_fact(reply.data, merchant.account), way=charge.way.value))
        except Malformed as fault:
            return Unknown(f"malformed_{fault}")
    refused = verdict_of(Call.PAY, reply) is Verdict.REFUSED
    return declined(reply) if refused else Unknown(reply.reason)


def _reversed(data: Json, charge: ChargeRef) -> ChargeFact:
    """Return what a cancel did: ``action`` says whether money went back, ``retry_flag`` whether to cancel again.

    Without an action Alipay found no trade, which is no end: our pay call may still be on its way to it.
    """
    if data.get("out_trade_no") != charge.out_trade_no:
        return Unknown("answer_about_another")
    if data.get("retry_flag") != "N":
        return Waiting("retry_flag")
    action = data.get("action")
    if action is None or action == "":
        return Missing()
    if action not in _ACTIONS:
        return Unknown("action")
    return Closed(f"cancel_{action}", was_paid=action == "refund")
