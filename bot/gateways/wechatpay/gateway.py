"""WeChat Pay as a Gateway: what each call means for a charge or refund; signing and fields are in the files beside."""

from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime
from typing import Final

from bot.gateways.wechatpay import notify, statement
from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.client import Bad, Good, Http, Silent, new_nonce, serialise
from bot.gateways.wechatpay.codes import WeChatPayCodes
from bot.gateways.wechatpay.contracts import WeChatPayContracts
from bot.gateways.wechatpay.errors import Call, Verdict, verdict_of
from bot.gateways.wechatpay.fields import Json, Malformed, text
from bot.gateways.wechatpay.flows import WeChatPayFlows
from bot.gateways.wechatpay.mapping import (
    BRIDGED,
    CREATES,
    REFUNDS,
    app_of,
    create_body,
    h5_address,
    merchant,
    order_path,
    refund_body,
    refund_fact,
    refund_path,
    transactions,
)
from bot.gateways.wechatpay.merchants import Merchant, Merchants, ask, declined, ref_of, refusal
from bot.gateways.wechatpay.sharing import WeChatPaySharing
from bot.kernel.clock import Clock
from bot.kernel.money import CNY
from bot.payments.facts import (
    ChargeFact,
    ChargeRef,
    Closed,
    Created,
    Declined,
    Missing,
    NewCharge,
    NewRefund,
    Notice,
    Paid,
    RawNotice,
    RefundFact,
    RefundRef,
    StatementLine,
    Unknown,
    Unverified,
    Way,
)
from bot.payments.faculties import Codes, Contracts, Flows, Sharing

# A create whose answer is missing is sent once more at once; after that the core repeats it in its own time.
_CREATE_SENDINGS: Final = 2
_PREPAY: Final = "prepay_id="


class WeChatPayGateway:
    """Serves all of the operator's accounts at WeChat Pay; see ``payments.ports.Gateway`` for the contract.

    Until the first ``refresh`` an account without a public key can verify nothing, so every call is Unknown.
    """

    name = "wechatpay"
    can = frozenset(
        {
            *(Way.JSAPI, Way.MINI, Way.NATIVE, Way.H5, Way.CODE),
            *(Way.CLOSE, Way.REVERSE, Way.REFUND, Way.STATEMENT),
            *(Way.FLOW, Way.SHARE, Way.CONTRACT),
        }
    )

    def __init__(self, accounts: Mapping[str, WeChatPayAccount], http: Http, clock: Clock) -> None:
        """Load every key; raises Misconfigured for one that is unusable."""
        self._clock = clock
        self._merchants = Merchants(accounts, http, clock)
        self.codes: Codes | None = WeChatPayCodes(self._merchants, clock)
        self.flows: Flows | None = WeChatPayFlows(self._merchants)
        self.sharing: Sharing | None = WeChatPaySharing(self._merchants, clock)
        self.contracts: Contracts | None = WeChatPayContracts(self._merchants, clock)

    async def create(self, charge: NewCharge) -> Created | Paid | Declined | Unknown:
        seller = self._of(charge.account)
        if unfit := _unfit(charge, seller.account):
            return Declined(unfit)
        path = f"{transactions(seller.account)}/{CREATES[charge.way][0]}"
        body = serialise(create_body(charge, seller.account))
        lost = False
        reason = ""
        for _ in range(_CREATE_SENDINGS):
            reply = await seller.client.post(path, body)
            if isinstance(reply, Good):
                return self._created(charge, seller, reply.data)
            if isinstance(reply, Silent):
                reason = reply.reason
                if not reply.sent:
                    break
            elif verdict_of(Call.CREATE, reply.status, reply.code) is not Verdict.AGAIN:
                return await self._not_created(charge, reply, lost=lost)
            else:
                reason = refusal(reply)
            lost = True
        return Unknown(reason)

    async def query(self, charge: ChargeRef) -> ChargeFact:
        return await ask(self._of(charge.account), charge)

    async def close(self, charge: ChargeRef) -> ChargeFact:
        seller = self._of(charge.account)
        body = serialise(merchant(seller.account))
        reply = await seller.client.post(order_path(seller.account, charge.out_trade_no, "/close"), body)
        if isinstance(reply, Good):
            return Closed("CLOSED")
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        match verdict_of(Call.CLOSE, reply.status, reply.code):
            case Verdict.MISSING:
                return Missing()
            case Verdict.ASK:
                fact = await self.query(charge)
                # Anything but an end says no more than that closing did not work.
                return fact if isinstance(fact, Paid | Closed) else Unknown(refusal(reply))
        return Unknown(refusal(reply))

    async def refund(self, refund: NewRefund) -> RefundFact | Declined | Unknown:
        """Ask for a refund. A repetition with the same number and inputs returns the one refund there is."""
        seller = self._of(refund.account)
        ref = RefundRef(refund.out_refund_no, refund.out_trade_no, refund.account, refund.amount)
        reply = await seller.client.post(REFUNDS, serialise(refund_body(refund, seller.account)))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if isinstance(reply, Good):
            return _refund_fact(reply.data, ref, seller.account.owner)
        verdict = verdict_of(Call.REFUND, reply.status, reply.code)
        if verdict is Verdict.ASK:
            fact = await self.refund_query(ref)
            if not isinstance(fact, Missing):
                return fact
            verdict = Verdict.REFUSED
        if verdict is Verdict.REFUSED and reply.signed:
            return declined(reply)
        return Unknown(refusal(reply))

    async def refund_query(self, refund: RefundRef) -> RefundFact | Missing | Unknown:
        seller = self._of(refund.account)
        reply = await seller.client.get(refund_path(seller.account, refund.out_refund_no))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if isinstance(reply, Good):
            return _refund_fact(reply.data, refund, seller.account.owner)
        missing = verdict_of(Call.REFUND_QUERY, reply.status, reply.code) is Verdict.MISSING
        return Missing() if missing else Unknown(refusal(reply))

    def read_notice(self, raw: RawNotice, now: datetime) -> Notice | Unverified:
        seller = self._merchants.find(raw.account)
        if seller is None:
            return Unverified("unknown_account", 404)
        return notify.read(raw, seller.account, seller.keys, now)

    def acknowledge(self, accepted: bool) -> tuple[int, str, bytes]:
        return notify.acknowledgement(accepted)

    def owner(self, account: str) -> tuple[str, frozenset[str]]:
        settings = self._of(account).account
        return settings.owner, frozenset(settings.appids)

    def statement(self, account: str, day: date) -> AsyncIterator[StatementLine]:
        """Return the lines of a Shanghai day; iterating raises GatewayTrouble (see ``statement.fetch``)."""
        seller = self._of(account)
        return statement.fetch(seller.client, seller.account, day)

    async def refresh(self) -> None:
        """Renew each account's certificates where that is due: at most one call an account and minute."""
        for seller in self._merchants:
            await seller.renewal.run()

    def usable(self, account: str) -> bool:
        """Whether the account holds a key by which answers and notices can be verified now, for health pages."""
        return self._of(account).keys.usable(self._clock.now())

    def renew(self, charge: ChargeRef, handover: Mapping[str, str]) -> Mapping[str, str]:
        """Return the handover of an earlier create fit for use now, without a call.

        Bridge parameters are signed anew with a fresh time and nonce, for a page that was loaded again; a prepay_id
        serves for two hours. A code_url stays as it is. An h5_url lives five minutes: repeat the identical create.
        """
        prepay_id = handover.get("package", "").removeprefix(_PREPAY)
        if charge.way not in BRIDGED or not prepay_id:
            return handover
        return self.handover(charge.account, handover["appId"], prepay_id)

    def handover(self, account: str, app_id: str, prepay_id: str) -> Mapping[str, str]:
        """Return the six parameters of WeixinJSBridge and wx.requestPayment, signed for now.

        The mini-program ignores ``appId``. Source: payments.md §4.1, JSAPI paySign.
        """
        timestamp, nonce, package = str(int(self._clock.now().timestamp())), new_nonce(), _PREPAY + prepay_id
        return {
            "appId": app_id,
            "timeStamp": timestamp,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": self._of(account).client.pay_sign(app_id, timestamp, nonce, package),
        }

    def _created(self, charge: NewCharge, seller: Merchant, data: Json) -> Created | Unknown:
        field = CREATES[charge.way][1]
        try:
            token = text(data, field)
        except Malformed as fault:
            return Unknown(f"malformed_{fault}")
        if charge.way in BRIDGED:
            return Created(self.handover(charge.account, app_of(charge, seller.account), token))
        return Created({field: h5_address(token, charge.return_url) if charge.way is Way.H5 else token})

    async def _not_created(self, charge: NewCharge, reply: Bad, *, lost: bool) -> Paid | Declined | Unknown:
        """Conclude from a refusal; ``lost``: an earlier sending went unanswered and may have made the order."""
        match verdict_of(Call.CREATE, reply.status, reply.code):
            case Verdict.REFUSED if not lost:
                return declined(reply)
            case Verdict.ASK:
                fact = await self.query(ref_of(charge))
                if isinstance(fact, Paid):
                    return fact
                if isinstance(fact, Closed) and not fact.was_paid:
                    return Declined("closed", reply.code, reply.message)
                if isinstance(fact, Missing) and not lost:
                    return declined(reply)
        return Unknown(refusal(reply))

    def _of(self, account: str) -> Merchant:
        return self._merchants.of(account)


def build(accounts: Mapping[str, Mapping[str, object]], http: Http, clock: Clock) -> WeChatPayGateway:
    """Build the gateway from the configuration's tables by account key; raises Misconfigured."""
    settings = {key: WeChatPayAccount.from_settings(key, table) for key, table in accounts.items()}
    return WeChatPayGateway(settings, http, clock)


def _unfit(charge: NewCharge, account: WeChatPayAccount) -> str:
    """Return why a charge cannot even be asked for: a plain no, since nothing was sent."""
    if charge.way not in CREATES:
        return "way_unsupported"
    if charge.currency != CNY:
        return "currency"
    if charge.way in BRIDGED and not (charge.payer_id and charge.payer_app):
        return "payer_missing"
    if charge.payer_app and charge.payer_app not in account.appids:
        return "app_not_bound"
    if charge.way is Way.H5 and not charge.payer_ip:
        return "payer_ip_missing"
    return ""


def _refund_fact(data: Json, refund: RefundRef, owner: str) -> RefundFact | Unknown:
    try:
        fact = refund_fact(data, owner=owner, state_field="status")
    except Malformed as fault:
        return Unknown(f"malformed_{fault}")
    same = (fact.out_refund_no, fact.out_trade_no, fact.amount) == (
        refund.out_refund_no,
        refund.out_trade_no,
        refund.amount,
    )
    return fact if same else Unknown("answer_about_another")
