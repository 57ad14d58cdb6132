"""委托代扣: a contract signed in the payer's WeChat, announced, deducted upon and ended.

Where each rule comes from (all of pay.weixin.qq.com; fields as in wechatpay.im/openapi/v3/papay):
signing: docs/merchant/apis/entrusted-payment, 预签约 of JSAPI, H5 and mini-program; a session lives ten minutes.
query and end: doc/v3/merchant/4013844122 (states) and 通过商户协议号解除委托代扣签约协议.
pre-notice: wiki/doc/api/wxpay_v2/papay/chapter3_10.shtml (waiting days, duration, 7:00 to 22:00).
deduction: docs/partner/apis/entrusted-payment/partner/partner-create-transaction.html (taken in, then notified).
notices: docs/merchant/apis/entrusted-payment/contract-alter-notify.html and doc/v3/partner/4012160323.
Products of 委托代扣 differ (周期扣费, 预约扣费), so every path stands in ``PATHS``, to be changed there alone.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, Literal
from urllib.parse import quote

from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.client import Bad, Reply, Silent, serialise
from bot.gateways.wechatpay.errors import Call, Verdict, verdict_of
from bot.gateways.wechatpay.fields import Json, Malformed, moment, text, word
from bot.gateways.wechatpay.mapping import DESCRIPTION_BYTES, one_line, owner_of, payer
from bot.gateways.wechatpay.merchants import Merchant, Merchants, ask, declined, ref_of, refusal
from bot.kernel.clock import SHANGHAI, Clock
from bot.kernel.money import CNY
from bot.payments.facts import (
    Closed,
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

Scene = Literal["jsapi", "mini-program", "h5"]

# Of a merchant, and of a service provider for a sub-merchant.
PATHS: Final[Mapping[str, tuple[str, str]]] = {
    "sign": (
        "/v3/papay/scheduled-deduct-sign/contracts/pre-entrust-sign/{scene}",
        "/v3/papay/scheduled-deduct-sign/partner/contracts/pre-entrust-sign/{scene}",
    ),
    "query": (
        "/v3/papay/sign/contracts/plan-id/{plan}/out-contract-code/{number}",
        "/v3/papay/sign/partner/contracts/plan-id/{plan}/out-contract-code/{number}",
    ),
    "terminate": (
        "/v3/papay/sign/contracts/plan-id/{plan}/out-contract-code/{number}/terminate",
        "/v3/papay/sign/partner/contracts/plan-id/{plan}/out-contract-code/{number}/terminate",
    ),
    "announce": ("/v3/papay/contracts/{contract}/notify", "/v3/partner-papay/contracts/{contract}/notify"),
    "deduct": ("/v3/papay/pay/transactions/apply", "/v3/papay/pay/partner/transactions/apply"),
}
# What each scene's answer hands to the payer's side.
HANDOVERS: Final[Mapping[Scene, tuple[str, ...]]] = {
    "jsapi": ("redirect_url",),
    "h5": ("redirect_url",),
    "mini-program": ("pre_entrustweb_id", "redirect_appid", "redirect_path"),
}
# Any other state (TO_BE_RENEWED, TERMINATE_PENDING) is Unknown: it neither lets deduct nor has it ended.
STATES: Final[Mapping[str, ContractState]] = {
    "SIGNED": ContractState.ACTIVE,
    "TERMINATED": ContractState.ENDED,
    "SIGN_FAILED": ContractState.ENDED,
}
# contract_termination_mode; any other is the vendor's doing.
ENDED_BY: Final[Mapping[str, Literal["payer", "merchant", "vendor"]]] = {
    "USER_TERMINATE": "payer",
    "MCH_API_TERMINATE": "merchant",
    "API": "merchant",
    "WEPAY_WEB_TERMINATE": "merchant",  # 商户平台: the merchant's own console.
    "CUSTOMER_SERVICE_TERMINATE": "vendor",
    "SYSTEM_TERMINATE": "vendor",
}
# The day of the notice and the next one are the payer's to object; deductions follow for one to three days.
WAITING_DAYS: Final = 2
DURATIONS: Final = range(1, 4)
SHOWN_BYTES: Final = 32
REMARK_BYTES: Final = 256
_PLAN: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9A-Za-z]{1,32}", re.ASCII)
_ACCEPTED: Final = "ACCEPTED"


class WeChatPayContracts:
    """See ``payments.faculties.Contracts``."""

    def __init__(self, merchants: Merchants, clock: Clock) -> None:
        self._merchants = merchants
        self._clock = clock

    @property
    def notice_days(self) -> int:
        return WAITING_DAYS

    async def sign(self, contract: NewContract) -> Created | Declined | Unknown:
        """Ask for a signing session: a page in WeChat, a jump to a mini-program, or an address for a browser.

        The cap and the period are the plan's, as agreed upon with WeChat Pay; they are not sent.
        """
        seller = self._merchants.of(contract.account)
        if unfit := _unfit(contract, seller.account):
            return Declined(unfit)
        scene = scene_of(contract, seller.account)
        body = {
            **_identity(seller.account, contract.payer_app),
            **(payer(seller.account, contract.payer_app or "", contract.payer_id) if contract.payer_id else {}),
            "plan_id": int(contract.plan),
            "out_contract_code": contract.out_contract_no,
            "contract_display_account": one_line(contract.shown, SHOWN_BYTES),
            "contract_notify_url": contract.notify_url,
        }
        reply = await seller.client.post(_path("sign", seller.account, scene=scene), serialise(body))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if isinstance(reply, Bad):
            # A session is all that would have been made: what stands under the number is told by its query.
            return _refused(reply, asked=True)
        try:
            return Created({field: text(reply.data, field) for field in HANDOVERS[scene]})
        except Malformed as fault:
            return Unknown(f"malformed_{fault}")

    async def contract_query(self, contract: ContractRef) -> ContractFact | Missing | Unknown:
        seller = self._merchants.of(contract.account)
        if unfit := _unfit(contract, seller.account):
            return Unknown(unfit)
        query = f"?sub_mchid={seller.account.sub_mchid}" if seller.account.partner else ""
        reply = await seller.client.get(_named("query", seller.account, contract) + query)
        if isinstance(reply, Bad):
            missing = verdict_of(Call.CONTRACT_QUERY, reply.status, reply.code) is Verdict.MISSING
            return Missing() if missing else Unknown(refusal(reply))
        return _fact_of(reply, contract, seller.account)

    async def announce(self, notice: PreNotice) -> Mapping[str, str] | Declined | Unknown:
        """Have WeChat Pay tell the payer; it does so between 7:00 and 22:00 in Shanghai, which the caller keeps to.

        Returns the first and the last day (ISO) on which the deduction may then be asked for.
        """
        seller = self._merchants.of(notice.contract.account)
        if not notice.contract.contract_id:
            return Declined("contract_unsigned")
        today = self._clock.now().astimezone(SHANGHAI).date()
        days = (notice.day - today).days - WAITING_DAYS + 1
        if days not in DURATIONS:
            return Declined("day_out_of_reach")
        body = {
            **_identity(seller.account, None, mchid=True),
            "deduct_duration": {"count": days, "unit": "DAY"},
            "estimated_amount": {"amount": notice.amount, "currency": CNY},
        }
        path = _path("announce", seller.account, contract=notice.contract.contract_id)
        reply = await seller.client.post(path, serialise(body))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if isinstance(reply, Bad):
            return _refused(reply, asked=True)
        return {"from": _after(today, WAITING_DAYS), "until": notice.day.isoformat()}

    async def deduct(self, charge: NewCharge, contract: ContractRef) -> Paid | Waiting | Declined | Unknown:
        """Ask for one deduction. WeChat Pay only takes it in; query and notice tell whether it was paid."""
        seller = self._merchants.of(charge.account)
        if not contract.contract_id:
            return Declined("contract_unsigned")
        if charge.currency != CNY:
            return Declined("currency")
        body = {
            **_identity(seller.account, charge.payer_app),
            "out_trade_no": charge.out_trade_no,
            "description": one_line(charge.description, DESCRIPTION_BYTES),
            "transaction_notify_url": charge.notify_url,
            "contract_id": contract.contract_id,
            "amount": {"total": charge.amount, "currency": charge.currency},
            **({"attach": charge.attach} if charge.attach else {}),
        }
        reply = await seller.client.post(_path("deduct", seller.account), serialise(body))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if isinstance(reply, Bad):
            return await _not_deducted(seller, charge, reply)
        same = reply.data.get("out_trade_no") == charge.out_trade_no
        return Waiting(_ACCEPTED) if same else Unknown("answer_about_another")

    async def terminate(self, contract: ContractRef, reason: str) -> ContractFact | Declined | Unknown:
        seller = self._merchants.of(contract.account)
        if unfit := _unfit(contract, seller.account):
            return Declined(unfit)
        body = {
            **({"sub_mchid": seller.account.sub_mchid} if seller.account.partner else {}),
            "contract_termination_remark": one_line(reason, REMARK_BYTES) or contract.out_contract_no,
        }
        reply = await seller.client.post(_named("terminate", seller.account, contract), serialise(body))
        if isinstance(reply, Bad) and verdict_of(Call.CONTRACT, reply.status, reply.code) is not Verdict.ASK:
            return _refused(reply)
        if isinstance(reply, Bad) or (not isinstance(reply, Silent) and not reply.data):
            # Ended already, or ended with an answer that says nothing more: the contract itself tells.
            known = await self.contract_query(contract)
            ended = isinstance(known, ContractFact) and known.state is ContractState.ENDED
            return known if ended and isinstance(known, ContractFact) else Unknown("termination_unconfirmed")
        return _fact_of(reply, contract, seller.account)


def contract_fact(data: Json) -> ContractFact | None:
    """Return what a verified message says about a contract, None for a state that decides nothing.

    Raises Malformed. Whose contract it is, the caller compares (``owner_of``).
    """
    state = STATES.get(text(data, "contract_state"))
    plan = data.get("plan_id")
    if state is None:
        return None
    if isinstance(plan, bool) or not isinstance(plan, int | str):
        raise Malformed("plan_id")
    ended = data.get("contract_terminate_info")
    ended = ended if isinstance(ended, dict) and state is ContractState.ENDED else {}
    return ContractFact(
        out_contract_no=text(data, "out_contract_code"),
        contract_id=text(data, "contract_id"),
        state=state,
        plan=str(plan),
        at=_at(data, ended, state),
        payer_id=word(data, "sub_openid") or word(data, "sp_openid") or word(data, "openid"),
        ended_by=""
        if state is ContractState.ACTIVE
        else ENDED_BY.get(word(ended, "contract_termination_mode"), "vendor"),
    )


def scene_of(contract: NewContract, account: WeChatPayAccount) -> Scene:
    """Return where the payer signs: a browser where nobody knows who they are, else the kind of their app."""
    if not contract.payer_id:
        return "h5"
    return "mini-program" if contract.payer_app in account.mini_appids else "jsapi"


async def _not_deducted(seller: Merchant, charge: NewCharge, reply: Bad) -> Paid | Waiting | Declined | Unknown:
    match verdict_of(Call.DEDUCT, reply.status, reply.code):
        case Verdict.WAITING:
            return Waiting(reply.code)
        case Verdict.REFUSED if reply.signed:
            return declined(reply)
        case Verdict.ASK:
            match await ask(seller, ref_of(charge)):
                case Paid() | Waiting() as fact:
                    return fact
                case Closed(vendor_state, was_paid=False):
                    return Declined("closed", vendor_state)
                case Missing() if reply.signed:
                    return declined(reply)
    return Unknown(refusal(reply))


def _refused(reply: Bad, *, asked: bool = False) -> Declined | Unknown:
    verdict = verdict_of(Call.CONTRACT, reply.status, reply.code)
    refused = verdict is Verdict.REFUSED or (asked and verdict is Verdict.ASK)
    return declined(reply) if refused and reply.signed else Unknown(refusal(reply))


def _fact_of(reply: Reply, contract: ContractRef, account: WeChatPayAccount) -> ContractFact | Unknown:
    if isinstance(reply, Silent):
        return Unknown(reply.reason)
    if isinstance(reply, Bad):
        return Unknown(refusal(reply))
    if owner_of(reply.data) != account.owner:
        return Unknown("answer_about_another")
    try:
        fact = contract_fact(reply.data)
    except Malformed as fault:
        return Unknown(f"malformed_{fault}")
    if fact is None:
        return Unknown("contract_state")
    same = (fact.out_contract_no, fact.plan) == (contract.out_contract_no, contract.plan)
    return fact if same else Unknown("answer_about_another")


def _at(data: Json, ended: Json, state: ContractState) -> datetime | None:
    """Return when the contract came into its state; a message that does not say it is good all the same."""
    told, field = (
        (data, "contract_signed_time") if state is ContractState.ACTIVE else (ended, "contract_terminated_time")
    )
    return moment(told, field) if word(told, field) else None


def _unfit(contract: NewContract | ContractRef, account: WeChatPayAccount) -> str:
    """Return why a request cannot even be made: a plain no, since nothing was sent."""
    if not _PLAN.fullmatch(contract.plan):
        return "plan"
    if not _NUMBER.fullmatch(contract.out_contract_no):
        return "contract_number"
    if isinstance(contract, NewContract) and contract.payer_app and contract.payer_app not in account.appids:
        return "app_not_bound"
    return ""


def _path(name: str, account: WeChatPayAccount, **parts: str) -> str:
    return PATHS[name][account.partner].format(**{part: quote(value, safe="") for part, value in parts.items()})


def _named(name: str, account: WeChatPayAccount, contract: ContractRef) -> str:
    return _path(name, account, plan=contract.plan, number=contract.out_contract_no)


def _identity(account: WeChatPayAccount, app: str | None, *, mchid: bool = False) -> dict[str, str]:
    """Return the fields that name app and merchant; the calls of contracts name the signing merchant rarely."""
    if not account.partner:
        return {**({"mchid": account.mchid} if mchid else {}), "appid": app or account.appids[0]}
    sub = {"sub_appid": app} if app and app == account.sub_appid else {}
    return {
        **({"sp_mchid": account.sp_mchid} if mchid else {}),
        "sp_appid": account.sp_appid,
        "sub_mchid": account.sub_mchid,
        **sub,
    }


def _after(day: date, days: int) -> str:
    return date.fromordinal(day.toordinal() + days).isoformat()
