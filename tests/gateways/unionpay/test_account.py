"""An account that cannot work is refused with every fault and its remedy."""

from typing import Any

import pytest

from bot.gateways.unionpay.account import OWNER, UnionPayAccount
from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret
from tests.gateways.unionpay import platform


def read(**changes: Any) -> UnionPayAccount:
    return UnionPayAccount.from_settings("main", platform.settings(**changes))


def test_a_whole_account_has_the_vendors_addresses() -> None:
    account = read(private_key=platform.private_pem("merchant"))

    assert account.owners == (OWNER,)
    assert (account.base_url, account.files_url) == ("https://gateway.95516.com", "https://filedownload.95516.com/")
    assert "PRIVATE" not in repr(account)
    assert read(base_url="http://127.0.0.1:9", within=3, accept_sha1=True, owners=["x"]).owners == ("x",)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"mer_id": "777"}, "mer_id"),
        ({"mer_id": 777}, "mer_id"),
        ({"mer_id": None}, "mer_id"),
        ({"cert_id": "0x1F"}, "cert_id"),
        ({"private_key": ""}, "private_key"),
        ({"private_key": 1}, "private_key"),
        ({"roots": ""}, "roots"),
        ({"roots": None}, "roots"),
        ({"owners": []}, "owners"),
        ({"owners": [""]}, "owners"),
        ({"owners": "x"}, "owners"),
        ({"accept_sha1": "yes"}, "accept_sha1"),
        ({"base_url": "http://gateway.95516.com"}, "base_url"),
        ({"base_url": "https://gateway.95516.com/x"}, "base_url"),
        ({"files_url": "ftp://x"}, "files_url"),
        ({"user_auth_url": "https://u@x/"}, "user_auth_url"),
        ({"page_path": "no"}, "page_path"),
        ({"user_id_path": ""}, "user_id_path"),
        ({"file_type": "0"}, "file_type"),
        ({"term_id": "1"}, "term_id"),
        ({"within": 0}, "within"),
        ({"within": True}, "within"),
        ({"download_within": 601}, "download_within"),
        ({"typo": "x"}, "typo"),
    ],
)
def test_each_fault_is_named(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        read(**changes)

    assert word in refusal.value.remedy


def test_an_account_needs_a_name() -> None:
    with pytest.raises(Misconfigured, match="name"):
        UnionPayAccount("", platform.MER_ID, Secret("x"), "1", "x")
