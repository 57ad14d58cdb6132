"""委托代扣 as Alipay's agreements: signed on a page of the wallet, asked about, deducted by trade.pay, and ended."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from bot.gateways.alipay.account import AlipayAccount
from bot.gateways.alipay.client import Silent
from bot.gateways.alipay.codes import PAY, read_payment
from bot.gateways.alipay.contract_facts import contract_fact
from bot.gateways.alipay.errors import Call, Verdict, declined, verdict_of
from bot.gateways.alipay.mapping import Malformed, trade_content
from bot.gateways.alipay.merchants import Merchants
from bot.kernel.clock import business_day
from bot.kernel.money import CNY, format_yuan
from bot.payments.facts import (
    ContractFact,
    ContractState,
    Created,
    Declined,
    Missing,
    NewCharge,
    Paid,
    Unknown,
    Waiting,
)
from bot.payments.faculties import ContractRef, NewContract, PreNotice

SIGN: Final = "alipay.user.agreement.page.sign"
QUERY: Final = "alipay.user.agreement.query"
UNSIGN: Final = "alipay.user.agreement.unsign"
_PRODUCT: Final = "GENERAL_WITHHOLDING"
# Alipay takes no shorter period by days.
PERIOD_DAYS_MIN: Final = 7
# The wallet's own page for agreements, opened from a browser on the same phone.
_WALLET_PAGE: Final = "alipays://platformapi/startapp?appId=60000157&appClearTop=false&startMultApp=YES&sign_params="


class AlipayContracts:
    """See ``payments.faculties.Contracts``. A plan is Alipay's ``sign_scene`` (``INDUSTRY|…``)."""

    def __init__(self, merchants: Merchants) -> None:
        self._merchants = merchants

    @property
    def notice_days(self) -> int:
        return 0

    async def sign(self, contract: NewContract) -> Created | Declined | Unknown:
        """Return the page and the wallet's link to it; nothing is sent, so an agreement is only made by its payer."""
        merchant = self._merchants.of(contract.account)
        if contract.period_days < PERIOD_DAYS_MIN:
            return Declined("period_too_short")
        content = {
            "personal_product_code": merchant.account.agreement_product,
            "product_code": _PRODUCT,
            "sign_scene": contract.plan,
            "external_agreement_no": contract.out_contract_no,
            "access_params": {"channel": "ALIPAYAPP"},
            "period_rule_params": {
                "period_type": "DAY",
                "period": str(contract.period_days),
                "execute_time": business_day(contract.created_at).isoformat(),
                "single_amount": format_yuan(contract.maximum),
            },
        }
        if contract.shown:
            content["external_logon_id"] = contract.shown
        url = merchant.client.page(SIGN, content, contract.notify_url, contract.return_url or "")
        return Created({"url": url, "wallet_url": _WALLET_PAGE + quote(url.partition("?")[2], safe="")})

    async def contract_query(self, contract: ContractRef) -> ContractFact | Missing | Unknown:
        """Ask how an agreement stands; Alipay forgets an ended one, so ``Missing`` may also mean ended."""
        merchant = self._merchants.of(contract.account)
        reply = await merchant.client.call(QUERY, _named(contract, merchant.account))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if not reply.good:
            return Missing() if verdict_of(Call.CONTRACT, reply) is Verdict.MISSING else Unknown(reply.reason)
        try:
            fact = contract_fact(reply.data)
        except Malformed as fault:
            return Unknown(f"malformed_{fault}")
        return fact if fact.out_contract_no == contract.out_contract_no else Unknown("answer_about_another")

    async def announce(self, notice: PreNotice) -> Mapping[str, str] | Declined | Unknown:
        """Say nothing: Alipay has no call for a pre-notice, for it tells the payer of each deduction itself.

        What our customers are told beforehand is our own message, which the caller sends.
        """
        self._merchants.of(notice.contract.account)
        return {}

    async def deduct(self, charge: NewCharge, contract: ContractRef) -> Paid | Waiting | Declined | Unknown:
        merchant = self._merchants.of(charge.account)
        if charge.currency != CNY:
            return Declined("currency")
        number = contract.contract_id
        if not number:
            fact = await self.contract_query(contract)
            if isinstance(fact, Unknown):
                return fact
            if isinstance(fact, Missing) or fact.state is not ContractState.ACTIVE:
                return Declined("contract")
            number = fact.contract_id
        content = {**trade_content(charge, merchant.account, _PRODUCT), "agreement_params": {"agreement_no": number}}
        reply = await merchant.client.call(PAY, content, charge.notify_url)
        return read_payment(reply, charge, merchant)

    async def terminate(self, contract: ContractRef, reason: str) -> ContractFact | Declined | Unknown:
        """End an agreement. One that Alipay does not know has ended, or was never signed: either way it is over."""
        merchant = self._merchants.of(contract.account)
        reply = await merchant.client.call(UNSIGN, _named(contract, merchant.account))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        fact = ContractFact(
            out_contract_no=contract.out_contract_no,
            contract_id=contract.contract_id or "",
            state=ContractState.ENDED,
            plan=contract.plan,
        )
        if reply.good:
            return replace(fact, ended_by="merchant")
        verdict = verdict_of(Call.CONTRACT, reply)
        if verdict is Verdict.MISSING:
            return fact
        return declined(reply) if verdict is Verdict.REFUSED else Unknown(reply.reason)


def _named(contract: ContractRef, account: AlipayAccount) -> dict[str, str]:
    """Return how Alipay finds an agreement: by its number, or by ours with product and scene."""
    if contract.contract_id:
        return {"agreement_no": contract.contract_id}
    return {
        "external_agreement_no": contract.out_contract_no,
        "personal_product_code": account.agreement_product,
        "sign_scene": contract.plan,
    }
