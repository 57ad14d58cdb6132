"""Alipay as a Gateway: what each call means for a charge or refund; signing and fields are in the files beside."""

from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime
from typing import Final

from bot.gateways.alipay import flows, notify, statement
from bot.gateways.alipay.account import AlipayAccount
from bot.gateways.alipay.client import Http, Silent, Told
from bot.gateways.alipay.codes import AlipayCodes
from bot.gateways.alipay.contracts import AlipayContracts
from bot.gateways.alipay.errors import Call, Verdict, declined, verdict_of
from bot.gateways.alipay.mapping import (
    CREATES,
    Malformed,
    charge_fact,
    create_content,
    queried_refund,
    query_content,
    refund_content,
    refund_fact,
    refund_query_content,
    text,
)
from bot.gateways.alipay.merchants import Merchants
from bot.gateways.alipay.sharing import AlipaySharing
from bot.gateways.alipay.wallet import AlipayWallet
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
QUERY: Final = "alipay.trade.query"
CLOSE: Final = "alipay.trade.close"
REFUND: Final = "alipay.trade.refund"
REFUND_QUERY: Final = "alipay.trade.fastpay.refund.query"


class AlipayGateway:
    """Serves all of the operator's applications at Alipay; see ``payments.ports.Gateway`` for the contract."""

    name = "alipay"
    can = frozenset(
        {Way.JSAPI, Way.NATIVE, Way.H5, Way.CODE, Way.CLOSE, Way.REVERSE, Way.REFUND}
        | {Way.STATEMENT, Way.FLOW, Way.SHARE, Way.CONTRACT}
    )

    def __init__(self, accounts: Mapping[str, AlipayAccount], http: Http, clock: Clock) -> None:
        """Load every key; raises Misconfigured for one that is unusable."""
        self._clock = clock
        self._merchants = Merchants(accounts, http, clock)
        self.codes: Codes | None = AlipayCodes(self._merchants)
        self.flows: Flows | None = flows.AlipayFlows(self._merchants, clock)
        self.sharing: Sharing | None = AlipaySharing(self._merchants)
        self.contracts: Contracts | None = AlipayContracts(self._merchants)

    async def create(self, charge: NewCharge) -> Created | Paid | Declined | Unknown:
        merchant = self._merchants.of(charge.account)
        if unfit := _unfit(charge):
            return Declined(unfit)
        method, _, field = CREATES[charge.way]
        content = create_content(charge, merchant.account)
        if charge.way is Way.H5:
            # The payer's browser carries this request; the trade is made when Alipay's page opens.
            return Created({field: merchant.client.page(method, content, charge.notify_url, charge.return_url or "")})
        lost = False
        reason = ""
        for _ in range(_CREATE_SENDINGS):
            reply = await merchant.client.call(method, content, charge.notify_url)
            if isinstance(reply, Silent):
                reason = reply.reason
                if not reply.sent:
                    break
            elif reply.good:
                return _created(charge, reply)
            elif verdict_of(Call.CREATE, reply) is not Verdict.AGAIN:
                return await self._not_created(charge, reply, lost=lost)
            else:
                reason = reply.reason
            lost = True
        return Unknown(reason)

    async def query(self, charge: ChargeRef) -> ChargeFact:
        merchant = self._merchants.of(charge.account)
        reply = await merchant.client.call(QUERY, query_content(charge.out_trade_no))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if not reply.good:
            return Missing() if verdict_of(Call.QUERY, reply) is Verdict.MISSING else Unknown(reply.reason)
        try:
            return charge_fact(reply.data, charge.out_trade_no, merchant.account)
        except Malformed as fault:
            return Unknown(f"malformed_{fault}")

    async def close(self, charge: ChargeRef) -> ChargeFact:
        """Close an unpaid trade. Never by cancel, which would refund a paid one (payments.md, trap 25).

        A trade that its payer has not opened yet is ``Missing``: nothing closes it but its ``time_expire``.
        """
        merchant = self._merchants.of(charge.account)
        reply = await merchant.client.call(CLOSE, {"out_trade_no": charge.out_trade_no})
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if reply.good:
            same = reply.data.get("out_trade_no") == charge.out_trade_no
            return Closed("TRADE_CLOSED") if same else Unknown("answer_about_another")
        match verdict_of(Call.CLOSE, reply):
            case Verdict.MISSING:
                return Missing()
            case Verdict.ASK:
                fact = await self.query(charge)
                # Anything but an end says no more than that closing did not work.
                return fact if isinstance(fact, Paid | Closed) else Unknown(reply.reason)
        return Unknown(reply.reason)

    async def refund(self, refund: NewRefund) -> RefundFact | Declined | Unknown:
        """Ask for a refund. A repetition with the same number and inputs moves no more money.

        A refusal is only believed where the query knows no such refund: an earlier sending may have made it.
        """
        merchant = self._merchants.of(refund.account)
        ref = RefundRef(refund.out_refund_no, refund.out_trade_no, refund.account, refund.amount)
        reply = await merchant.client.call(REFUND, refund_content(refund))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if reply.good:
            try:
                fact = refund_fact(reply.data, refund, merchant.account)
            except Malformed as fault:
                fact = Unknown(f"malformed_{fault}")
            return fact if isinstance(fact, RefundFact) else await self._refund_asked(ref, fact)
        verdict = verdict_of(Call.REFUND, reply)
        if verdict not in (Verdict.REFUSED, Verdict.ASK):
            return Unknown(reply.reason)
        known = await self.refund_query(ref)
        if isinstance(known, Missing):
            return declined(reply) if verdict is Verdict.REFUSED else Unknown(reply.reason)
        return known

    async def refund_query(self, refund: RefundRef) -> RefundFact | Missing | Unknown:
        merchant = self._merchants.of(refund.account)
        content = refund_query_content(refund.out_trade_no, refund.out_refund_no)
        reply = await merchant.client.call(REFUND_QUERY, content)
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if not reply.good:
            return Missing() if verdict_of(Call.REFUND_QUERY, reply) is Verdict.MISSING else Unknown(reply.reason)
        try:
            return queried_refund(reply.data, refund, merchant.account) or Missing()
        except Malformed as fault:
            return Unknown(f"malformed_{fault}")

    def read_notice(self, raw: RawNotice, now: datetime) -> Notice | Unverified:
        merchant = self._merchants.get(raw.account)
        if merchant is None:
            return Unverified("unknown_account", 404)
        return notify.read(raw, merchant.account, merchant.keys, now)

    def acknowledge(self, accepted: bool) -> tuple[int, str, bytes]:
        return notify.acknowledgement(accepted)

    def owner(self, account: str) -> tuple[str, frozenset[str]]:
        """Return the seller (in service-provider mode the sub-merchant) and the application."""
        settings = self._merchants.of(account).account
        return settings.seller_id, frozenset({settings.app_id})

    def statement(self, account: str, day: date) -> AsyncIterator[StatementLine]:
        """Return the lines of a Shanghai day; iterating raises GatewayTrouble (see ``statement.fetch``)."""
        return statement.fetch(self._merchants.of(account).client, day, self._clock)

    async def refresh(self) -> None:
        """Do nothing: Alipay's keys are the operator's to put in place, the new one beside the old."""

    def renew(self, charge: ChargeRef, handover: Mapping[str, str]) -> Mapping[str, str]:
        """Return the handover of an earlier create fit for use now: an address is signed anew, the rest stays."""
        url = handover.get("url", "")
        if charge.way is not Way.H5 or not url:
            return handover
        return {**handover, "url": self._merchants.of(charge.account).client.renewed(url)}

    def wallet(self, account: str) -> AlipayWallet:
        """Return the sign-in of this application's payers; raises Misconfigured."""
        merchant = self._merchants.of(account)
        return AlipayWallet(merchant.account, merchant.client)

    async def _refund_asked(self, refund: RefundRef, fault: Unknown) -> RefundFact | Unknown:
        """Return what the query tells of a refund whose answer proved nothing."""
        known = await self.refund_query(refund)
        return fault if isinstance(known, Missing) else known

    async def _not_created(self, charge: NewCharge, reply: Told, *, lost: bool) -> Paid | Declined | Unknown:
        """Conclude from a refusal; ``lost``: an earlier sending went unanswered and may have made the trade."""
        match verdict_of(Call.CREATE, reply):
            case Verdict.REFUSED if not lost:
                return declined(reply)
            case Verdict.ASK:
                fact = await self.query(_ref(charge))
                if isinstance(fact, Paid):
                    return fact
                if isinstance(fact, Closed) and not fact.was_paid:
                    return Declined("closed", reply.sub_code, reply.message)
        return Unknown(reply.reason)


def build(accounts: Mapping[str, Mapping[str, object]], http: Http, clock: Clock) -> AlipayGateway:
    """Build the gateway from the configuration's tables by account key; raises Misconfigured."""
    settings = {key: AlipayAccount.from_settings(key, table) for key, table in accounts.items()}
    return AlipayGateway(settings, http, clock)


def _created(charge: NewCharge, reply: Told) -> Created | Unknown:
    field = CREATES[charge.way][2]
    if reply.data.get("out_trade_no") != charge.out_trade_no:
        return Unknown("answer_about_another")
    try:
        return Created({field: text(reply.data, field)})
    except Malformed as fault:
        return Unknown(f"malformed_{fault}")


def _unfit(charge: NewCharge) -> str:
    """Return why a charge cannot even be asked for: a plain no, since nothing was sent."""
    if charge.way not in CREATES:
        return "way_unsupported"
    if charge.currency != CNY:
        return "currency"
    return "payer_missing" if charge.way is Way.JSAPI and not charge.payer_id else ""


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
