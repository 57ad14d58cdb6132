"""WeChat as a wallet keeps the port's promises."""

import pytest

from bot.channels.official.client import WeChatClient
from bot.channels.official.wallet import WeChatWallet
from bot.kernel.errors import BadRequest, GatewayTrouble
from bot.payments.facts import PayerId
from bot.payments.ports import Wallet
from tests.channels.official.platform import RID, Platform, away, no
from tests.channels.samples import APP_ID, OPENID

OAUTH = "/sns/oauth2/access_token"


@pytest.fixture
def wallet(client: WeChatClient) -> Wallet:
    return WeChatWallet(APP_ID, client)


def test_the_page_asks_silently(wallet: Wallet) -> None:
    url = wallet.authorize_url("https://pay.example/back", "s1")

    assert wallet.name == "wechat"
    assert url.startswith(
        f"https://open.weixin.qq.com/connect/oauth2/authorize?appid={APP_ID}&redirect_uri=https%3A%2F%2F"
    )
    assert "&scope=snsapi_base&state=s1#wechat_redirect" in url


@pytest.mark.parametrize("snapshot", [0, 1])
async def test_a_payer_is_named(wallet: Wallet, platform: Platform, snapshot: int) -> None:
    platform.says(OAUTH, {"access_token": "A", "openid": OPENID, "scope": "snsapi_base", "is_snapshotuser": snapshot})

    assert await wallet.identify("c") == PayerId("wechat", APP_ID, OPENID, None, bool(snapshot))


@pytest.mark.parametrize("code", [40029, 40163, 42003])
async def test_a_code_that_is_spent_sends_the_payer_back(wallet: Wallet, platform: Platform, code: int) -> None:
    platform.says(OAUTH, no(code))

    with pytest.raises(BadRequest, match="oauth_code_spent"):
        await wallet.identify("c")


async def test_no_code_asks_nobody(wallet: Wallet, platform: Platform) -> None:
    with pytest.raises(BadRequest):
        await wallet.identify("")
    assert not platform.asked


@pytest.mark.parametrize("say", [no(40125), no(50002), away(), b"<html>"])
async def test_every_other_answer_is_trouble(
    wallet: Wallet, platform: Platform, say: dict[str, object] | bytes
) -> None:
    platform.says(OAUTH, say)

    with pytest.raises(GatewayTrouble) as caught:
        await wallet.identify("c")
    assert isinstance(say, dict) is (caught.value.facts.get("rid") == RID)
