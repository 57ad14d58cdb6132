"""A bank's cashier as a Gateway: what each call means for a charge or refund; the protocol is in docs/bankapp.md."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from bot.gateways.bankapp import notify, statement
from bot.gateways.bankapp.account import BankAccount
from bot.gateways.bankapp.client import Bad, Client, Good, Http, Reply, Silent, serialise
from bot.gateways.bankapp.crypto import BankKeys
from bot.gateways.bankapp.mapping import (
    PAYMENTS,
    REFUNDS,
    Call,
    Malformed,
    Verdict,
    cashier_url,
    charge_fact,
    create_body,
    payment_path,
    refund_body,
    refund_fact,
    refund_path,
    unfit,
    verdict_of,
)
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
    StatementLine,
    Unknown,
    Unverified,
    Waiting,
    Way,
)
from bot.payments.faculties import Codes, Contracts, Flows, Sharing

# A create whose answer is missing is sent once more at once; after that the core repeats it in its own time.
_CREATE_SENDINGS: Final = 2


@dataclass(frozen=True, slots=True)
class _Merchant:
    account: BankAccount
    keys: BankKeys
    client: Client


class BankAppGateway:
    """Serves all of the operator's accounts at banks; see ``payments.ports.Gateway`` for the contract."""

    name = "bankapp"
    codes: Codes | None = None
    flows: Flows | None = None
    sharing: Sharing | None = None
    contracts: Contracts | None = None
    can = frozenset({Way.REDIRECT, Way.CLOSE, Way.REFUND, Way.STATEMENT})

    def __init__(self, accounts: Mapping[str, BankAccount], http: Http, clock: Clock) -> None:
        """Load every key; raises Misconfigured for one that is unusable."""
        self._merchants = {key: _merchant(account, http, clock) for key, account in accounts.items()}

    async def create(self, charge: NewCharge) -> Created | Paid | Declined | Unknown:
        merchant = self._of(charge.account)
        if reason := unfit(charge):
            return Declined(reason)
        body = serialise(create_body(charge, merchant.account))
        lost, reason = False, ""
        for _ in range(_CREATE_SENDINGS):
            reply = await merchant.client.post(PAYMENTS, body)
            if isinstance(reply, Good):
                return _created(reply)
            if isinstance(reply, Silent):
                reason = reply.reason
                if not reply.sent:
                    break
            elif reply.status < 500:
                return await self._not_created(charge, merchant, reply, lost=lost)
            else:
                reason = _refusal(reply)
            lost = True
        return Unknown(reason)

    def renew(self, charge: ChargeRef, handover: Mapping[str, str]) -> Mapping[str, str]:
        """Return the handover as it is: a cashier's address serves until the payment expires."""
        return handover

    async def query(self, charge: ChargeRef) -> ChargeFact:
        merchant = self._of(charge.account)
        return _charge(await merchant.client.get(payment_path(charge.out_trade_no)), charge, merchant)

    async def close(self, charge: ChargeRef) -> ChargeFact:
        """Ask that a payment can no longer be made; the bank answers how it stands after that."""
        merchant = self._of(charge.account)
        body = serialise({"merchant": merchant.account.merchant})
        reply = await merchant.client.post(payment_path(charge.out_trade_no, "/close"), body)
        fact = _charge(reply, charge, merchant)
        # Still payable: closing did not work.
        return Unknown(f"not_closed_{fact.vendor_state}") if isinstance(fact, Waiting) else fact

    async def refund(self, refund: NewRefund) -> RefundFact | Declined | Unknown:
        """Ask for a refund. A repetition with the same number and inputs returns the one refund there is."""
        merchant = self._of(refund.account)
        ref = RefundRef(refund.out_refund_no, refund.out_trade_no, refund.account, refund.amount)
        reply = await merchant.client.post(REFUNDS, serialise(refund_body(refund, merchant.account)))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if isinstance(reply, Good):
            return _refund(reply, ref, merchant)
        match verdict_of(Call.REFUND, reply.status, reply.code):
            case Verdict.REFUSED:
                return Declined(reply.code, reply.code, reply.message)
            case Verdict.ASK:
                fact = await self.refund_query(ref)
                return fact if isinstance(fact, RefundFact) else Unknown(_refusal(reply))
        return Unknown(_refusal(reply))

    async def refund_query(self, refund: RefundRef) -> RefundFact | Missing | Unknown:
        merchant = self._of(refund.account)
        reply = await merchant.client.get(refund_path(refund.out_refund_no))
        if isinstance(reply, Silent):
            return Unknown(reply.reason)
        if isinstance(reply, Good):
            return _refund(reply, refund, merchant)
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
        """Return the merchant's number, and it once more: a bank knows no apps."""
        number = self._of(account).account.merchant
        return number, frozenset({number})

    def statement(self, account: str, day: date) -> AsyncIterator[StatementLine]:
        """Return the lines of a Shanghai day; iterating raises GatewayTrouble (see ``statement.fetch``)."""
        return statement.fetch(self._of(account).client, day)

    async def refresh(self) -> None:
        """Do nothing: the bank's keys are configured, and a new one is added there before the bank signs with it."""

    async def _not_created(
        self, charge: NewCharge, merchant: _Merchant, reply: Bad, *, lost: bool
    ) -> Paid | Declined | Unknown:
        """Conclude from a refusal; ``lost``: an earlier sending went unanswered and may have made the payment."""
        match verdict_of(Call.CREATE, reply.status, reply.code):
            case Verdict.REFUSED if not lost:
                return Declined(reply.code, reply.code, reply.message)
            case Verdict.ASK:
                answer = await merchant.client.get(payment_path(charge.out_trade_no))
                fact = _charge(answer, charge, merchant)
                if isinstance(fact, Paid):
                    return fact
                if isinstance(fact, Closed) and not fact.was_paid:
                    return Declined("closed", reply.code, reply.message)
        return Unknown(_refusal(reply))

    def _of(self, account: str) -> _Merchant:
        merchant = self._merchants.get(account)
        if merchant is None:
            raise Misconfigured("gateway_account", f"add the account {account!r} to the gateway bankapp")
        return merchant


def build(accounts: Mapping[str, Mapping[str, object]], http: Http, clock: Clock) -> BankAppGateway:
    """Build the gateway from the configuration's tables by account key; raises Misconfigured."""
    settings = {key: BankAccount.from_settings(key, table) for key, table in accounts.items()}
    return BankAppGateway(settings, http, clock)


def _merchant(account: BankAccount, http: Http, clock: Clock) -> _Merchant:
    keys = BankKeys(account)
    return _Merchant(account, keys, Client(account, keys, http, clock))


def _created(reply: Good) -> Created | Unknown:
    try:
        return Created({"url": cashier_url(reply.data)})
    except Malformed as fault:
        return Unknown(f"malformed_{fault}")


def _charge(reply: Reply, charge: ChargeRef | NewCharge, merchant: _Merchant) -> ChargeFact:
    """Return what an answer about a payment says of our charge; the amount is told as it is, for credit to compare."""
    if isinstance(reply, Silent):
        return Unknown(reply.reason)
    if isinstance(reply, Bad):
        missing = verdict_of(Call.QUERY, reply.status, reply.code) is Verdict.MISSING
        return Missing() if missing else Unknown(_refusal(reply))
    try:
        fact = charge_fact(reply.data, charge.out_trade_no, merchant.account.merchant)
    except Malformed as fault:
        return Unknown(f"malformed_{fault}")
    return fact


def _refund(reply: Good, refund: RefundRef, merchant: _Merchant) -> RefundFact | Unknown:
    try:
        fact = refund_fact(reply.data)
    except Malformed as fault:
        return Unknown(f"malformed_{fault}")
    same = (fact.out_refund_no, fact.out_trade_no, fact.amount, fact.merchant_id) == (
        refund.out_refund_no,
        refund.out_trade_no,
        refund.amount,
        merchant.account.merchant,
    )
    return fact if same else Unknown("answer_about_another")


def _refusal(reply: Bad) -> str:
    return reply.code or f"status_{reply.status}"
