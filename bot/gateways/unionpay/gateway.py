"""UnionPay as a Gateway: what each call means for a charge or refund; forms and trust are in the files beside."""

from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime
from typing import Final

from bot.gateways.unionpay import notify, statement
from bot.gateways.unionpay.account import UnionPayAccount
from bot.gateways.unionpay.answers import REFUNDS as REFUND_CODES
from bot.gateways.unionpay.answers import Call, Verdict, verdict_of
from bot.gateways.unionpay.certificates import Trust
from bot.gateways.unionpay.client import Client, Good, Http, Silent
from bot.gateways.unionpay.codes import UnionPayCodes
from bot.gateways.unionpay.mapping import (
    BACK_PATH,
    QUERY_PATH,
    REFUND_STATES,
    TOKENS,
    Malformed,
    create_form,
    refund_fact,
    refund_form,
    refund_query_form,
    refund_time,
    token_of,
    unfit,
    usable_order_id,
)
from bot.gateways.unionpay.orders import Merchant, declined, reference, refusal
from bot.gateways.unionpay.wallet import UnionPayWallet
from bot.kernel.clock import Clock
from bot.kernel.errors import Misconfigured
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
    RefundState,
    StatementLine,
    Unknown,
    Unverified,
    Way,
)
from bot.payments.faculties import Codes, Contracts, Flows, Sharing
from bot.payments.ports import Wallet

# A create whose answer is missing is sent once more at once; after that the core repeats it in its own time.
_CREATE_SENDINGS: Final = 2


class UnionPayGateway:
    """Serves all of the operator's accounts at UnionPay; see ``payments.ports.Gateway`` for the contract."""

    name = "unionpay"
    flows: Flows | None = None
    sharing: Sharing | None = None
    contracts: Contracts | None = None
    can = frozenset({Way.JSAPI, Way.NATIVE, Way.CODE, Way.CLOSE, Way.REVERSE, Way.REFUND, Way.STATEMENT})

    def __init__(self, accounts: Mapping[str, UnionPayAccount], http: Http, clock: Clock) -> None:
        """Load every key and authority; raises Misconfigured for one that is unusable."""
        self._merchants = {key: _merchant(account, http, clock) for key, account in accounts.items()}
        self.codes: Codes | None = UnionPayCodes(self._merchants)

    async def create(self, charge: NewCharge) -> Created | Paid | Declined | Unknown:
        merchant = self._of(charge.account)
        if reason := unfit(charge, merchant.account):
            return Declined(reason)
        if charge.way not in TOKENS:
            return Declined("way_unsupported")
        form = create_form(charge, merchant.account)
        path = merchant.account.page_path if charge.way is Way.JSAPI else BACK_PATH
        lost, reason = False, ""
        for _ in range(_CREATE_SENDINGS):
            reply = await merchant.client.post(path, form)
            if isinstance(reply, Silent):
                reason = reply.reason
                if not reply.sent:
                    break
            elif verdict_of(Call.CREATE, reply.code) is Verdict.AGAIN:
                reason = refusal(reply)
            else:
                return await self._answered(charge, merchant, reply, lost=lost)
            lost = True
        return Unknown(reason)

    def renew(self, charge: ChargeRef, handover: Mapping[str, str]) -> Mapping[str, str]:
        """Return the handover as it is: a code and a page's address serve until ``payTimeout``."""
        return handover

    async def query(self, charge: ChargeRef) -> ChargeFact:
        return await self._of(charge.account).query(charge)

    async def close(self, charge: ChargeRef) -> ChargeFact:
        return await self._of(charge.account).close(charge)

    async def refund(self, refund: NewRefund) -> RefundFact | Declined | Unknown:
        """Ask for a refund. A repetition with the same number and inputs returns the one refund there is.

        UnionPay's answer says only that the refund was accepted, so how it stands is asked at once.
        """
        merchant = self._of(refund.account)
        if reason := _unfit_refund(refund):
            return Declined(reason)
        ref = RefundRef(refund.out_refund_no, refund.out_trade_no, refund.account, refund.amount)
        reply = await merchant.client.post(BACK_PATH, refund_form(refund, merchant.account))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        match verdict_of(Call.REFUND, reply.code):
            case Verdict.REFUSED:
                return declined(reply)
            case Verdict.ASK:
                fact = await self.refund_query(ref)
                return fact if isinstance(fact, RefundFact) else Unknown(refusal(reply))
            case Verdict.DONE:
                fact = await self.refund_query(ref)
                return fact if isinstance(fact, RefundFact) else _refund_fact(reply, ref, RefundState.PENDING)
        return Unknown(refusal(reply))

    async def refund_query(self, refund: RefundRef) -> RefundFact | Missing | Unknown:
        merchant = self._of(refund.account)
        reply = await merchant.client.post(QUERY_PATH, refund_query_form(refund.out_refund_no, merchant.account))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        match verdict_of(Call.QUERY, reply.code):
            case Verdict.MISSING:
                return Missing()
            case Verdict.DONE:
                refunded = REFUND_CODES.get(reply.data.get("origRespCode", ""))
                return _refund_fact(reply, refund, REFUND_STATES[refunded]) if refunded else Unknown("refund_state")
        return Unknown(refusal(reply))

    def read_notice(self, raw: RawNotice, now: datetime) -> Notice | Unverified:
        merchant = self._merchants.get(raw.account)
        if merchant is None:
            return Unverified("unknown_account", 404)
        return notify.read(raw, merchant.account, merchant.trust, now)

    def acknowledge(self, accepted: bool) -> tuple[int, str, bytes]:
        return notify.acknowledgement(accepted)

    def owner(self, account: str) -> tuple[str, frozenset[str]]:
        """Return the merchant's number, and it once more: UnionPay tells payers to merchants, not to apps."""
        number = self._of(account).account.mer_id
        return number, frozenset({number})

    def wallet(self, account: str) -> Wallet:
        """Return the sign-in of this account's payers; raises Misconfigured for an account that there is none of."""
        merchant = self._of(account)
        return UnionPayWallet(merchant.account, merchant.client, merchant.clock)

    def statement(self, account: str, day: date) -> AsyncIterator[StatementLine]:
        """Return the lines of a settlement day; iterating raises GatewayTrouble (see ``statement.fetch``)."""
        merchant = self._of(account)
        return statement.fetch(merchant.client, merchant.account, merchant.clock, day)

    async def refresh(self) -> None:
        """Do nothing: UnionPay's certificates come with its messages and are judged by the configured root."""

    async def _answered(
        self, charge: NewCharge, merchant: Merchant, reply: Good, *, lost: bool
    ) -> Created | Paid | Declined | Unknown:
        """Conclude from an answer; ``lost``: an earlier sending went unanswered and may have made the order."""
        match verdict_of(Call.CREATE, reply.code):
            case Verdict.DONE:
                try:
                    return Created(token_of(reply.data, charge.way))
                except Malformed as fault:
                    return Unknown(f"malformed_{fault}")
            case Verdict.REFUSED if not lost:
                return declined(reply)
            case Verdict.ASK:
                fact = await merchant.query(reference(charge))
                if isinstance(fact, Paid):
                    return fact
                if isinstance(fact, Closed) and not fact.was_paid:
                    return Declined("closed", reply.code)
        return Unknown(refusal(reply))

    def _of(self, account: str) -> Merchant:
        merchant = self._merchants.get(account)
        if merchant is None:
            raise Misconfigured("gateway_account", f"add the account {account!r} to the gateway unionpay")
        return merchant


def build(accounts: Mapping[str, Mapping[str, object]], http: Http, clock: Clock) -> UnionPayGateway:
    """Build the gateway from the configuration's tables by account key; raises Misconfigured."""
    settings = {key: UnionPayAccount.from_settings(key, table) for key, table in accounts.items()}
    return UnionPayGateway(settings, http, clock)


def _merchant(account: UnionPayAccount, http: Http, clock: Clock) -> Merchant:
    trust = Trust(account)
    return Merchant(account, trust, Client(account, trust, http, clock), clock)


def _unfit_refund(refund: NewRefund) -> str:
    """Return why a refund cannot even be asked for: a plain no, since nothing was sent."""
    if not refund.transaction_id:
        return "transaction_unknown"
    if not usable_order_id(refund.out_refund_no) or not refund_time(refund.out_refund_no):
        return "number_unusable"
    return ""


def _refund_fact(reply: Good, refund: RefundRef, state: RefundState) -> RefundFact | Unknown:
    try:
        fact = refund_fact(reply.data, state)
    except Malformed as fault:
        return Unknown(f"malformed_{fault}")
    same = (fact.out_refund_no, fact.out_trade_no, fact.amount) == (
        refund.out_refund_no,
        refund.out_trade_no,
        refund.amount,
    )
    return fact if same else Unknown("answer_about_another")
