"""WeChat Pay as a Gateway: what each call means for a charge or refund; signing and fields are in the files beside."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from bot.gateways.wechatpay import notify, statement
from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.certificates import Renewal
from bot.gateways.wechatpay.client import Bad, Client, Good, Http, Silent, new_nonce, serialise
from bot.gateways.wechatpay.keys import MerchantKey, PlatformKeys
from bot.gateways.wechatpay.mapping import (
    BRIDGED,
    CREATES,
    ERRORS,
    REFUNDS,
    TRANSACTIONS,
    Call,
    Json,
    Malformed,
    Verdict,
    app_of,
    charge_fact,
    create_body,
    h5_address,
    order_path,
    refund_body,
    refund_fact,
    refund_path,
    token_of,
    verdict_of,
)
from bot.kernel.clock import Clock
from bot.kernel.errors import Misconfigured
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


@dataclass(frozen=True, slots=True)
class _Merchant:
    account: WeChatPayAccount
    keys: PlatformKeys
    client: Client
    renewal: Renewal


class WeChatPayGateway:
    """Serves all of the operator's accounts at WeChat Pay; see ``payments.ports.Gateway`` for the contract.

    Until the first ``refresh`` an account without a public key can verify nothing, so every call is Unknown.
    """

    name = "wechatpay"
    codes: Codes | None = None
    flows: Flows | None = None
    sharing: Sharing | None = None
    contracts: Contracts | None = None
    can = frozenset({Way.JSAPI, Way.MINI, Way.NATIVE, Way.H5, Way.CLOSE, Way.REFUND, Way.STATEMENT})

    def __init__(self, accounts: Mapping[str, WeChatPayAccount], http: Http, clock: Clock) -> None:
        """Load every key; raises Misconfigured for one that is unusable."""
        self._clock = clock
        self._merchants = {key: _merchant(account, http, clock) for key, account in accounts.items()}

    async def create(self, charge: NewCharge) -> Created | Paid | Declined | Unknown:
        merchant = self._of(charge.account)
        if unfit := _unfit(charge, merchant.account):
            return Declined(unfit)
        path = f"{TRANSACTIONS}/{CREATES[charge.way][0]}"
        body = serialise(create_body(charge, merchant.account))
        lost = False
        reason = ""
        for _ in range(_CREATE_SENDINGS):
            reply = await merchant.client.post(path, body)
            if isinstance(reply, Good):
                return self._created(charge, merchant, reply.data)
            if isinstance(reply, Silent):
                reason = reply.reason
                if not reply.sent:
                    break
            elif verdict_of(Call.CREATE, reply.status, reply.code) is not Verdict.AGAIN:
                return await self._not_created(charge, reply, lost=lost)
            else:
                reason = _refusal(reply)
            lost = True
        return Unknown(reason)

    async def query(self, charge: ChargeRef) -> ChargeFact:
        merchant = self._of(charge.account)
        mchid = merchant.account.mchid
        reply = await merchant.client.get(f"{order_path(charge.out_trade_no)}?mchid={mchid}")
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if isinstance(reply, Bad):
            missing = verdict_of(Call.QUERY, reply.status, reply.code) is Verdict.MISSING
            return Missing() if missing else Unknown(_refusal(reply))
        try:
            return charge_fact(reply.data, charge.out_trade_no, mchid)
        except Malformed as fault:
            return Unknown(f"malformed_{fault}")

    async def close(self, charge: ChargeRef) -> ChargeFact:
        merchant = self._of(charge.account)
        body = serialise({"mchid": merchant.account.mchid})
        reply = await merchant.client.post(order_path(charge.out_trade_no, "/close"), body)
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
                return fact if isinstance(fact, Paid | Closed) else Unknown(_refusal(reply))
        return Unknown(_refusal(reply))

    async def refund(self, refund: NewRefund) -> RefundFact | Declined | Unknown:
        """Ask for a refund. A repetition with the same number and inputs returns the one refund there is."""
        merchant = self._of(refund.account)
        ref = RefundRef(refund.out_refund_no, refund.out_trade_no, refund.account, refund.amount)
        reply = await merchant.client.post(REFUNDS, serialise(refund_body(refund)))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if isinstance(reply, Good):
            return _refund_fact(reply.data, ref, merchant.account.mchid)
        verdict = verdict_of(Call.REFUND, reply.status, reply.code)
        if verdict is Verdict.ASK:
            fact = await self.refund_query(ref)
            if not isinstance(fact, Missing):
                return fact
            verdict = Verdict.REFUSED
        if verdict is Verdict.REFUSED and reply.signed:
            return _declined(reply)
        return Unknown(_refusal(reply))

    async def refund_query(self, refund: RefundRef) -> RefundFact | Missing | Unknown:
        merchant = self._of(refund.account)
        reply = await merchant.client.get(refund_path(refund.out_refund_no))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if isinstance(reply, Good):
            return _refund_fact(reply.data, refund, merchant.account.mchid)
        missing = verdict_of(Call.REFUND_QUERY, reply.status, reply.code) is Verdict.MISSING
        return Missing() if missing else Unknown(_refusal(reply))

    def read_notice(self, raw: RawNotice, now: datetime) -> Notice | Unverified:
        merchant = self._merchants.get(raw.account)
        if merchant is None:
            return Unverified("unknown_account", 404)
        return notify.read(raw, merchant.account, merchant.keys, now)

    def acknowledge(self, accepted: bool) -> tuple[int, str, bytes]:
        return notify.acknowledgement(accepted)

    def owner(self, account: str) -> tuple[str, frozenset[str]]:
        settings = self._of(account).account
        return settings.mchid, frozenset(settings.appids)

    def statement(self, account: str, day: date) -> AsyncIterator[StatementLine]:
        """Return the lines of a Shanghai day; iterating raises GatewayTrouble (see ``statement.fetch``)."""
        return statement.fetch(self._of(account).client, day)

    async def refresh(self) -> None:
        """Renew each account's certificates where that is due: at most one call an account and minute."""
        for merchant in self._merchants.values():
            await merchant.renewal.run()

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

    def _created(self, charge: NewCharge, merchant: _Merchant, data: Json) -> Created | Unknown:
        field = CREATES[charge.way][1]
        try:
            token = token_of(data, field)
        except Malformed as fault:
            return Unknown(f"malformed_{fault}")
        if charge.way in BRIDGED:
            return Created(self.handover(charge.account, app_of(charge, merchant.account), token))
        return Created({field: h5_address(token, charge.return_url) if charge.way is Way.H5 else token})

    async def _not_created(self, charge: NewCharge, reply: Bad, *, lost: bool) -> Paid | Declined | Unknown:
        """Conclude from a refusal; ``lost``: an earlier sending went unanswered and may have made the order."""
        match verdict_of(Call.CREATE, reply.status, reply.code):
            case Verdict.REFUSED if not lost:
                return _declined(reply)
            case Verdict.ASK:
                fact = await self.query(_ref(charge))
                if isinstance(fact, Paid):
                    return fact
                if isinstance(fact, Closed) and not fact.was_paid:
                    return Declined("closed", reply.code, reply.message)
                if isinstance(fact, Missing) and not lost:
                    return _declined(reply)
        return Unknown(_refusal(reply))

    def _of(self, account: str) -> _Merchant:
        merchant = self._merchants.get(account)
        if merchant is None:
            raise Misconfigured("gateway_account", f"add the account {account!r} to the gateway wechatpay")
        return merchant


def build(accounts: Mapping[str, Mapping[str, object]], http: Http, clock: Clock) -> WeChatPayGateway:
    """Build the gateway from the configuration's tables by account key; raises Misconfigured."""
    settings = {key: WeChatPayAccount.from_settings(key, table) for key, table in accounts.items()}
    return WeChatPayGateway(settings, http, clock)


def _merchant(account: WeChatPayAccount, http: Http, clock: Clock) -> _Merchant:
    keys = PlatformKeys(account)
    client = Client(account, MerchantKey(account), keys, http, clock)
    return _Merchant(account, keys, client, Renewal(account, keys, client, clock))


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


def _ref(charge: NewCharge) -> ChargeRef:
    return ChargeRef(
        out_trade_no=charge.out_trade_no,
        account=charge.account,
        way=charge.way,
        amount=charge.amount,
        currency=charge.currency,
        created_at=charge.created_at,
        expires_at=charge.expires_at,
        payer_app=charge.payer_app,
    )


def _refund_fact(data: Json, refund: RefundRef, mchid: str) -> RefundFact | Unknown:
    try:
        fact = refund_fact(data, mchid=mchid, state_field="status")
    except Malformed as fault:
        return Unknown(f"malformed_{fault}")
    same = (fact.out_refund_no, fact.out_trade_no, fact.amount) == (
        refund.out_refund_no,
        refund.out_trade_no,
        refund.amount,
    )
    return fact if same else Unknown("answer_about_another")


def _declined(reply: Bad) -> Declined:
    return Declined(ERRORS[reply.code].ours, reply.code, reply.message)


def _refusal(reply: Bad) -> str:
    return reply.code or f"status_{reply.status}"
