"""An account that cannot work is refused when it is read, with the remedy and without its secrets."""

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bot.gateways.wechatpay.account import WeChatPayAccount
from bot.gateways.wechatpay.gateway import build
from bot.kernel.clock import ManualClock
from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret
from tests.gateways.rig import ScriptedHttp
from tests.gateways.wechatpay import platform


def account(**changes: Any) -> WeChatPayAccount:
    return WeChatPayAccount.from_settings("main", platform.settings(**changes))


def test_a_complete_account_is_read() -> None:
    read = account(serial=" 5157f09efdc096de15ebe81a47057a7232f1b8e1 ", within=3, certificates=True)

    assert (read.key, read.mchid, read.appids) == ("main", platform.MCHID, (platform.OFFICIAL, platform.MINI))
    assert read.serial == platform.MERCHANT_SERIAL
    assert read.within == 3.0


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"mchid": "19000001x9"}, "mchid"),
        ({"mchid": 1900000109}, "'mchid' as text"),
        ({"mchid": None}, "set 'mchid'"),
        ({"appids": []}, "appids"),
        ({"appids": "wx0000000000000001"}, "'appids' as a list"),
        ({"appids": ["wx1"]}, "wx1"),
        ({"apiv3_key": "a" * 31}, "32 characters"),
        ({"apiv3_key": "a" * 33}, "32 characters"),
        ({"apiv3_key": "钥" * 32}, "32 characters"),
        ({"apiv3_key": ""}, "32 characters"),
        ({"apiv3_key": 5}, "'apiv3_key' as text"),
        ({"private_key": ""}, "apiclient_key.pem"),
        ({"serial": "not hex"}, "hexadecimal"),
        ({"serial": '5157F09E",mchid="1'}, "hexadecimal"),
        ({"public_key_id": "5157F09E"}, "PUB_KEY_ID_"),
        ({"public_key_id": None}, "together"),
        ({"public_key": None}, "together"),
        ({"public_key_id": None, "public_key": None, "certificates": False}, "certificates be true"),
        ({"certificates": "no"}, "true or false"),
        ({"base_url": "http://api.mch.weixin.qq.com"}, "https"),
        ({"base_url": "ftp://127.0.0.1"}, "https"),
        ({"base_url": "https://api.mch.weixin.qq.com/v3"}, "scheme, host and port"),
        ({"base_url": "https://u@api.mch.weixin.qq.com"}, "scheme, host and port"),
        ({"within": 0}, "within"),
        ({"within": "fast"}, "seconds"),
        ({"download_within": 601}, "download_within"),
        ({"mch_id": "1900000109"}, "unknown setting 'mch_id'"),
    ],
)
def test_a_fault_is_refused_with_its_remedy(changes: dict[str, Any], remedy: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        account(**changes)

    assert remedy in refusal.value.remedy
    assert refusal.value.remedy.startswith("[main] ")


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(Misconfigured) as refusal:
        account(mchid="x", appids=["wx1"], apiv3_key="short", base_url="nowhere")

    assert refusal.value.remedy.count(";") >= 3


def test_a_plain_address_serves_on_the_loopback_only() -> None:
    assert account(base_url="http://127.0.0.1:8091").base_url == "http://127.0.0.1:8091"


@pytest.mark.parametrize("setting", ["private_key", "public_key"])
@pytest.mark.parametrize("pem", ["-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----", "CANARY"])
def test_a_key_that_does_not_load_is_named_but_not_quoted(setting: str, pem: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        build({"main": platform.settings(**{setting: pem})}, ScriptedHttp(), ManualClock(platform.NOW))

    assert setting in refusal.value.remedy
    assert "CANARY" not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("setting", ["private_key", "public_key"])
def test_a_key_of_another_kind_is_refused(setting: str) -> None:
    """Elliptic curves and short RSA keys are not APIv3's."""
    for pem in _foreign_keys(private=setting == "private_key"):
        with pytest.raises(Misconfigured):
            build({"main": platform.settings(**{setting: pem})}, ScriptedHttp(), ManualClock(platform.NOW))


def test_secrets_do_not_print() -> None:
    shown = repr(account())

    assert platform.APIV3_KEY not in shown
    assert platform.private_pem("merchant").splitlines()[1] not in shown
    assert isinstance(account().apiv3_key, Secret)


def _foreign_keys(*, private: bool) -> list[str]:

    found = []
    for key in (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 1024)):  # noqa: S505  # Short on purpose.
        if private:
            pem = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        else:
            pem = key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        found.append(pem.decode())
    return found
