"""付款码 at UnionPay: a scanned code is charged once (01/06), and undone by a reversal (99/01) within its day."""

from collections.abc import Mapping
from typing import Final

from bot.gateways.unionpay.answers import Call, Verdict, verdict_of
from bot.gateways.unionpay.client import Silent
from bot.gateways.unionpay.mapping import BACK_PATH, create_form, unfit
from bot.gateways.unionpay.orders import Merchant, declined, reference, refusal
from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret
from bot.payments.facts import ChargeFact, ChargeRef, Declined, NewCharge, Paid, Unknown, Waiting, Way
from bot.payments.faculties import CodePace

# General knowledge: UnionPay names no pause, so these are the careful ones of the other wallets. A reversal is
# possible until 23:00 (orders.reversible_until), which may be sooner than ``reverse_within``.
PACE: Final = CodePace(ask_every=5.0, ask_for=60.0, reverse_after=15.0, reverse_within=3600.0)
_CODE_DIGITS: Final = range(16, 25)


class UnionPayCodes:
    """See ``payments.faculties.Codes``."""

    pace = PACE

    def __init__(self, merchants: Mapping[str, Merchant]) -> None:
        self._merchants = merchants

    async def pay(self, charge: NewCharge, auth_code: Secret) -> Paid | Waiting | Declined | Unknown:
        """Charge a code; the call is sent once, and what was accepted is asked about at once, for somebody waits."""
        merchant = self._of(charge.account)
        code = auth_code.reveal()
        if not (code.isascii() and code.isdigit() and len(code) in _CODE_DIGITS):
            return Declined("auth_code")
        if charge.way is not Way.CODE:
            return Declined("way_unsupported")
        if reason := unfit(charge, merchant.account):
            return Declined(reason)
        form = {**create_form(charge, merchant.account), "qrNo": code, "termId": merchant.account.term_id}
        reply = await merchant.client.post(BACK_PATH, form)
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        verdict = verdict_of(Call.SCAN, reply.code)
        if verdict is Verdict.REFUSED:
            return declined(reply)
        if verdict not in (Verdict.DONE, Verdict.ASK):
            return Unknown(refusal(reply))
        fact = await merchant.query(reference(charge))
        if isinstance(fact, Paid | Waiting | Declined):
            return fact
        # Accepted a moment ago: who is asked just behind it may not have heard of it.
        return Waiting(reply.code) if verdict is Verdict.DONE else Unknown(refusal(reply))

    async def reverse(self, charge: ChargeRef) -> ChargeFact:
        fact = await self._of(charge.account).reverse(charge)
        if isinstance(fact, Paid):
            # UnionPay will not undo it and says that it was paid: the money goes back by a refund.
            return Declined("not_reversible")
        return fact

    def _of(self, account: str) -> Merchant:
        merchant = self._merchants.get(account)
        if merchant is None:
            raise Misconfigured("gateway_account", f"add the account {account!r} to the gateway unionpay")
        return merchant
