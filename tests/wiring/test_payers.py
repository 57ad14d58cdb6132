"""The operator's rules of routing are followed or refused with a remedy, and each account has its wallets' sign-ins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.channels.official.account import OfficialAccount
from bot.channels.wire.push import Mode
from bot.gateways import GATEWAYS, SPENT_CODES, WALLETS, plain_code
from bot.kernel.clock import ManualClock
from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret
from bot.payments.facts import PayerId, Way
from bot.payments.ports import Gateway
from bot.payments.routing import Place
from bot.settings import ConfigFile, Environment, Settings
from bot.web.visitors import At
from bot.wiring.payers import registry, wallet_book
from tests.payments.scripted_gateway import APP, ScriptedGateway
from tests.payments.world import START

CLOCK = ManualClock(START)


@dataclass(frozen=True)
class NamedWallet:
    name: str
    account: str = ""

    def authorize_url(self, back: str, state: str) -> str:
        return f"{back}?{state}"

    async def identify(self, code: str) -> PayerId:
        return PayerId(self.name, self.account, code)


@dataclass(slots=True)
class OwnWalletGateway(ScriptedGateway):
    """A gateway with a wallet of its own, known to no official account."""

    wallet_name: str = field(default="alipay")

    def wallet(self, account: str) -> NamedWallet:
        return NamedWallet(self.wallet_name, account)

    def owner(self, account: str) -> tuple[str, frozenset[str]]:
        return "2088", frozenset({"2021"})


def settings(**file: Any) -> Settings:
    environment = Environment(secret_key="x" * 40)  # type: ignore[arg-type]  # Pydantic makes it a SecretStr.
    return Settings(environment=environment, file=ConfigFile.model_validate(file))


def gateways() -> Mapping[str, Gateway]:
    return {"wechatpay": ScriptedGateway(CLOCK, name="wechatpay"), "alipay": OwnWalletGateway(CLOCK, name="alipay")}


# --- rules ----------------------------------------------------------------------------------------------------------


def test_without_rules_every_wallet_has_its_own_gateway() -> None:
    found = registry(settings(), CLOCK, gateways())

    assert found.serves("wechatpay", "wechat") and found.serves("alipay", "alipay")
    assert not found.serves("alipay", "wechat")


def test_a_rule_is_read_from_the_file() -> None:
    route = {"wallet": "wechat", "gateway": "wechatpay", "ways": ["jsapi"], "maximum": 100, "cost": 38, "priority": 5}
    found = registry(settings(routes=[route]), CLOCK, gateways())
    [rule] = [rule for rule in found._rules if rule.wallet == "wechat"]

    assert (rule.gateway, rule.ways, rule.maximum, rule.cost, rule.priority) == (
        "wechatpay",
        frozenset({Way.JSAPI}),
        100,
        38,
        5,
    )


@pytest.mark.parametrize(
    ("route", "remedy"),
    [
        ({"wallet": "wechat", "gateway": "unionpay"}, r"configure \[gateways.unionpay\]"),
        ({"wallet": "wechat", "gateway": "alipay"}, "takes alipay, not wechat"),
        ({"wallet": "wechat", "gateway": "wechatpay", "ways": ["h5", "redirect"]}, "cannot go the way h5, redirect"),
    ],
)
def test_a_rule_that_nothing_can_follow_is_refused(route: Mapping[str, Any], remedy: str) -> None:
    with pytest.raises(Misconfigured, match=remedy):
        registry(settings(routes=[route]), CLOCK, gateways())


def test_every_fault_is_told_at_once() -> None:
    wrong = {"wallet": "wechat", "gateway": "alipay"}

    with pytest.raises(Misconfigured) as refusal:
        registry(settings(routes=[wrong, wrong]), CLOCK, gateways())
    assert "number 1" in refusal.value.remedy and "number 2" in refusal.value.remedy


@pytest.mark.parametrize(
    "route",
    [
        {"wallet": "wechat", "gateway": "wechatpay", "minimum": 5, "maximum": 4},
        {"wallet": "wechat", "gateway": "wechatpay", "ways": ["refund"]},
        {"wallet": "wechat", "gateway": "wechatpay", "cost": -1},
        {"wallet": "wechat", "gateway": "wechatpay", "account": "of another merchant"},
        {"gateway": "wechatpay"},
    ],
)
def test_a_rule_without_sense_is_refused(route: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="routes"):
        settings(routes=[route])


def test_the_breaker_is_in_place() -> None:
    found = registry(settings(), CLOCK, gateways())
    for _ in range(20):
        found.saw("wechatpay", "main", "create", None)
    assert found.healthy(Place("wechatpay", "main"))
    assert found._health is not None


# --- sign-ins -------------------------------------------------------------------------------------------------------


def test_each_account_is_signed_in_for_by_those_who_know_its_payers() -> None:
    tables: Mapping[str, Any] = {"wechatpay": {"main": {}}, "alipay": {"one": {}, "two": {}}}
    account = OfficialAccount(key="oa", app_id=APP, secret=Secret("s"), token=Secret("token"), mode=Mode.PLAIN)
    book = wallet_book([account], {"oa": object()}, settings(gateways=tables), gateways())  # type: ignore[dict-item]

    assert book.get(At("wechatpay", "main", "wechat")).wallet.name == "wechat"
    assert repr(book.get(At("alipay", "two", "alipay")).wallet) == repr(NamedWallet("alipay", "two"))
    assert book.serves("alipay", "one") and not book.serves("alipay", "three")
    assert not book.knows(At("alipay", "one", "wechat")), "its appid is bound to no account of Alipay's"
    assert not book.knows(At("wechatpay", "main", "alipay"))


def test_no_reader_is_left_of_a_wallet_that_is_gone() -> None:
    assert set(SPENT_CODES) <= set(WALLETS) and set(WALLETS.values()) <= set(GATEWAYS)


@pytest.mark.parametrize(
    ("wallet", "query", "code"),
    [
        ("wechat", {"code": "c1", "auth_code": "a1"}, "c1"),
        ("alipay", {"code": "c1", "auth_code": "a1"}, "a1"),
        ("alipay", {"code": "c1"}, ""),
        ("unionpay", {"userAuthCode": "u/1 2", "respCode": "00"}, "u/1+2 UnionPay/1.0 CloudPay"),
        ("unionpay", {"userAuthCode": "u1", "respCode": "34"}, ""),
    ],
)
def test_the_code_is_read_from_the_wallets_own_parameter(wallet: str, query: Mapping[str, str], code: str) -> None:
    assert SPENT_CODES.get(wallet, plain_code)(query, "Mozilla/5.0 (com.unionpay.chsp) UnionPay/1.0 CloudPay") == code
