"""The accounts at WeChat Pay with their keys and clients, and the questions that every faculty asks in their name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.certificates import Renewal
from bot.gateways.wechatpay.client import Bad, Client, Http, Silent
from bot.gateways.wechatpay.errors import ERRORS, Call, Verdict, verdict_of
from bot.gateways.wechatpay.fields import Malformed
from bot.gateways.wechatpay.keys import MerchantKey, PlatformKeys
from bot.gateways.wechatpay.mapping import charge_fact, merchant, order_path
from bot.kernel.clock import Clock
from bot.kernel.errors import Misconfigured
from bot.payments.facts import ChargeFact, ChargeRef, Declined, Missing, NewCharge, Unknown

_FALLBACK: Final = "refused"


@dataclass(frozen=True, slots=True)
class Merchant:
    """One account and what speaks for it."""

    account: WeChatPayAccount
    keys: PlatformKeys
    client: Client
    renewal: Renewal


class Merchants:
    """All of the operator's accounts; loads every key and raises Misconfigured for one that is unusable."""

    def __init__(self, accounts: Mapping[str, WeChatPayAccount], http: Http, clock: Clock) -> None:
        self._merchants = {key: _merchant(account, http, clock) for key, account in accounts.items()}

    def __iter__(self) -> Iterator[Merchant]:
        return iter(self._merchants.values())

    def find(self, account: str) -> Merchant | None:
        return self._merchants.get(account)

    def of(self, account: str) -> Merchant:
        """Return the account's merchant; raises Misconfigured for one that nobody configured."""
        found = self._merchants.get(account)
        if found is None:
            raise Misconfigured("gateway_account", f"add the account {account!r} to the gateway wechatpay")
        return found


async def ask(asker: Merchant, charge: ChargeRef) -> ChargeFact:
    """Ask what became of a charge, by our number."""
    whose = "&".join(f"{name}={number}" for name, number in merchant(asker.account).items())
    reply = await asker.client.get(f"{order_path(asker.account, charge.out_trade_no)}?{whose}")
    if isinstance(reply, Silent):
        return Unknown(reply.reason)
    if isinstance(reply, Bad):
        missing = verdict_of(Call.QUERY, reply.status, reply.code) is Verdict.MISSING
        return Missing() if missing else Unknown(refusal(reply))
    try:
        return charge_fact(reply.data, charge.out_trade_no, asker.account.owner)
    except Malformed as fault:
        return Unknown(f"malformed_{fault}")


def ref_of(charge: NewCharge) -> ChargeRef:
    """Return the name of a charge whose request is at hand."""
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


def declined(reply: Bad) -> Declined:
    """Return a refusal in our words and theirs."""
    entry = ERRORS.get(reply.code)
    return Declined(entry.ours if entry else _FALLBACK, reply.code, reply.message)


def refusal(reply: Bad) -> str:
    """Return the reason of an Unknown that stands for a refusal."""
    return reply.code or f"status_{reply.status}"


def _merchant(account: WeChatPayAccount, http: Http, clock: Clock) -> Merchant:
    keys = PlatformKeys(account)
    client = Client(account, MerchantKey(account), keys, http, clock)
    return Merchant(account, keys, client, Renewal(account, keys, client, clock))
