"""Account paths come from constructors, and one regular expression guards them all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kernel.errors import BadRequest
from bot.ledger import accounts
from bot.ledger.accounts import KINDS, Sign

GOOD = {
    accounts.payers("wechatpay"): "payers:wechatpay",
    accounts.clearing("wechatpay", "main"): "clearing:wechatpay:main",
    accounts.merchant_due("mer_01"): "merchant:mer_01:due",
    accounts.suspense("alipay", "main-2"): "suspense:alipay:main-2",
    accounts.refunding("wechatpay", "main"): "refunding:wechatpay:main",
    accounts.fees("wechatpay", "main"): "fees:wechatpay:main",
    accounts.sharing("wechatpay", "main"): "sharing:wechatpay:main",
    accounts.shared("mer_01", "agent"): "shared:mer_01:agent",
}


def test_constructors_give_the_paths_of_the_chart() -> None:
    assert all(path == expected for path, expected in GOOD.items())
    assert {accounts.family(path).name for path in GOOD} == set(KINDS)
    assert accounts.family("clearing:a:b").sign is Sign.ZERO


BAD = [
    "",
    "payers",
    "payers:",
    "payers:a:b",
    "clearing:a",
    "merchant::due",
    "pocket:mine",
    "Payers:a",
    "payers:a b",
    "payers:商户",
    "payers:a\n",
    f"payers:{'a' * 65}",
    "payers:a:b:c:d",
]


@pytest.mark.parametrize("path", BAD)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(BadRequest, match="account_path"):
        accounts.checked(path)


@given(st.text(max_size=12), st.text(max_size=12))
def test_no_part_can_smuggle_another_account(gateway: str, account: str) -> None:
    """Whatever a configuration holds, a constructor gives a path of exactly its family and depth, or refuses."""
    try:
        path = accounts.clearing(gateway, account)
    except BadRequest:
        return
    assert path.split(":") == ["clearing", gateway, account]
