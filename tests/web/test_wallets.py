"""What each app that may scan a code or open a link gets to see: a page that can pay, or one that says how to."""

import pytest

from tests.web.rig import DESKTOP, WALLET_URL, WECHAT, Shop

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 14; V2309A) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"
# (User-Agent, what the page says where that wallet cannot pay yet)
ELSEWHERE = {
    "wecom": (f"{ANDROID} wxwork/4.1.22 MicroMessenger/7.0.1", "企业微信里不能付这笔款"),
    "mini-program": (f"{IPHONE} MicroMessenger/8.0.50 miniProgram/wx0123456789abcdef", "小程序里不能付这笔款"),
    "alipay": (f"{IPHONE} AliApp(AP/10.5.96) AlipayClient/10.5.96", "支付宝付款正在开通"),
    "unionpay": (f"{ANDROID} (com.unionpay.chsp) UnionPay/1.0 CloudPay", "云闪付和银行付款正在开通"),
    "bank": (f"{ANDROID} UnionPay/1.0 CCBLoongPay", "云闪付和银行付款正在开通"),
    "postal bank": (f"{ANDROID} Nebula AlipayClient/1 UnionPay/1.0 PSBC", "云闪付和银行付款正在开通"),
    "phone": (f"{IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", "请在微信里付款"),
    "unknown": ("curl/8.5", "请用手机微信扫码付款"),
    "nothing": ("", "请用手机微信扫码付款"),
    "hostile": ("<script>" + "A" * 4000, "请用手机微信扫码付款"),
}


@pytest.mark.parametrize(("agent", "words"), ELSEWHERE.values(), ids=ELSEWHERE)
async def test_where_nothing_can_be_paid_yet(shop: Shop, agent: str, words: str) -> None:
    order = await shop.order()
    browser = await shop.browser(agent)
    till, cashier = await browser.get(f"/q/{shop.code}"), await browser.get(f"/cashier/{order.token}")

    for page in (till, cashier):
        assert page.status == 200 and words in page.text and "老街面馆有限公司" in page.text
        assert '.svg"' in page.text and "<script" not in page.text.partition("</style>")[2]
        assert page.cookie == "", "nobody is followed who cannot pay here"
    assert "25.50" in cashier.text and "25.50" not in till.text
    assert (await shop.audit())["charges"] == 0


async def test_desktop(shop: Shop) -> None:
    order = await shop.order()
    desk = await shop.browser(DESKTOP)
    till, cashier = await desk.get(f"/q/{shop.code}"), await desk.get(f"/cashier/{order.token}")

    assert till.status == 200 and "请用手机微信扫码付款" in till.text
    assert cashier.status == 200 and "付款后本页会自动更新" in cashier.text


@pytest.mark.parametrize("agent", [WECHAT, f"{DESKTOP} MicroMessenger/7.0.20 WindowsWechat MiniProgramEnv/Windows"])
async def test_wechat_signs_in_first(shop: Shop, agent: str) -> None:
    order = await shop.order()
    phone = await shop.browser(agent)

    for path in (f"/q/{shop.code}", f"/cashier/{order.token}"):
        sent = await phone.get(path)
        assert sent.status == 302 and sent.location.startswith(WALLET_URL)


async def test_a_claimed_wallet_proves_nothing(shop: Shop) -> None:
    """Whoever merely says MicroMessenger is sent to WeChat, which knows better, and can charge nobody."""
    order = await shop.order()
    liar = await shop.browser("MicroMessenger")

    assert (await liar.get(f"/cashier/{order.token}")).status == 302
    assert (await liar.charge(order)).json["result"] == "sign_in"
