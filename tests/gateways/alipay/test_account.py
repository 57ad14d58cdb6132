"""An account that cannot work is refused with every fault and its remedy."""

from typing import Any

import pytest

from bot.gateways.alipay.account import AlipayAccount
from bot.gateways.alipay.gateway import build
from bot.gateways.alipay.keys import AlipayKeys, AppKey
from bot.kernel.clock import ManualClock
from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret
from tests.gateways.alipay import platform
from tests.gateways.rig import ScriptedHttp


def account(**changes: Any) -> AlipayAccount:
    return AlipayAccount.from_settings("main", platform.settings(**changes))


def refused(**changes: Any) -> str:
    with pytest.raises(Misconfigured) as refusal:
        account(**changes)
    return refusal.value.remedy


def test_both_modes_are_read() -> None:
    assert not account().by_certificate
    assert AlipayAccount.from_settings("main", platform.by_certificate()).by_certificate


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"app_id": "x"}, "app_id"),
        ({"seller_id": "2077000000000001"}, "PID"),
        ({"seller_id": "２０８８０００００００００００１"}, "PID"),
        ({"private_key": ""}, "private_key"),
        ({"alipay_public_key": None}, "either alipay_public_key or the three certificates"),
        ({"alipay_cert": "x"}, "together"),
        ({"base_url": "http://openapi.alipay.com/gateway.do"}, "base_url"),
        ({"base_url": "https://openapi.alipay.com/gateway.do?x=1"}, "base_url"),
        ({"authorize_base": "ftp://x"}, "authorize_base"),
        ({"within": 0}, "within"),
        ({"download_within": 601}, "download_within"),
        ({"within": "5"}, "as seconds"),
        ({"app_id": 7}, "as text"),
        ({"private_key": 7}, "as text"),
        ({"auth_app_id": "x"}, "auth_app_id"),
        ({"jsapi_product": "QUICK_WAP_WAY"}, "jsapi_product"),
        ({"sys_service_provider_id": "2088000000000009"}, "app_auth_token"),
        ({"sys_service_provider_id": "1"}, "sys_service_provider_id"),
        ({"typo": "x"}, "remove the unknown setting 'typo'"),
        ({"seller_id": None}, "set 'seller_id'"),
    ],
)
def test_each_fault_names_its_remedy(changes: dict[str, Any], remedy: str) -> None:
    assert remedy in refused(**changes)


def test_all_faults_are_told_at_once() -> None:
    told = refused(app_id="x", seller_id="y", within=0)

    assert all(word in told for word in ("app_id", "seller_id", "within"))


def test_keys_of_both_forms_are_read() -> None:
    """PEM, and the bare base64 in one line that Alipay's own tool writes and shows."""
    forms = [(platform.private_pem("app"), platform.public_pem("alipay"))]
    forms.append((platform.bare(forms[0][0]), platform.bare(forms[0][1])))
    signatures = set()
    for private, public in forms:
        given = account(private_key=private, alipay_public_key=public)
        signatures.add(AppKey(given).sign(b"x"))
        assert not AlipayKeys(given).answer_fault(b"x", platform.sign(b"x"), "", platform.NOW)
    assert len(signatures) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"private_key": Secret("nonsense")},
        {"private_key": Secret("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")},
        {"private_key": Secret(platform.public_pem("app"))},
        {"alipay_public_key": "nonsense"},
        {"alipay_public_key": "水" * 400},
        {"alipay_public_key": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"},
    ],
)
def test_an_unusable_key_is_refused_without_being_quoted(changes: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured) as refusal:
        build({"main": platform.settings(**changes)}, ScriptedHttp(), ManualClock(platform.NOW))

    assert "AAAA" not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    "changes",
    [
        {"app_cert": "nonsense"},
        {"app_cert": platform.pem(platform.certificate("alipay"))},  # Of another key than private_key.
        {"alipay_cert": "nonsense"},
        {"alipay_cert": platform.pem(platform.certificate("root", "root", authority=True))},  # An issuer signs nothing.
        {"alipay_root_cert": "nonsense"},
    ],
)
def test_an_unusable_certificate_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured):
        build({"main": platform.by_certificate(**changes)}, ScriptedHttp(), ManualClock(platform.NOW))


def test_secrets_are_not_printed() -> None:
    assert "PRIVATE" not in repr(account(app_auth_token="202611BB0001"))
    assert "202611BB0001" not in repr(account(app_auth_token="202611BB0001"))
