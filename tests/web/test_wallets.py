"""What each app that may scan a code or open a link gets to see: a page that can pay, or one that says how to."""

import pytest

from bot.payments.facts import Declined, Unknown, Way
from tests.qrcodes.reading import decode, rasterise, svg_root
from tests.web.rig import ALIPAY, ANDROID, BANK, CLOUD_PAY, DESKTOP, IPHONE, SAFARI, WALLET_URL, WECHAT, Shop

# (User-Agent, what the page says where the merchant takes WeChat only)
ELSEWHERE = {
    "wecom": (f"{ANDROID} wxwork/4.1.22 MicroMessenger/7.0.1", "企业微信里不能付这笔款"),
    "mini-program": (f"{IPHONE} MicroMessenger/8.0.50 miniProgram/wx0123456789abcdef", "小程序里的网页不能付款"),
    "alipay": (ALIPAY, "收款单位没有开通支付宝"),
    "unionpay": (CLOUD_PAY, "收款单位没有开通云闪付"),
    "bank": (f"{ANDROID} UnionPay/1.0 CCBLoongPay", "收款单位没有开通云闪付"),
    "postal bank": (f"{ANDROID} Nebula AlipayClient/1 UnionPay/1.0 PSBC", "收款单位没有开通云闪付"),
    "the operator's bank": (BANK, "收款单位没有开通手机银行"),
    "phone": (SAFARI, "请在微信里付款"),
    "unknown": ("curl/8.5", "请用手机微信扫码付款"),
    "nothing": ("", "请用手机微信扫码付款"),
    "hostile": ("<script>" + "A" * 4000, "请用手机微信扫码付款"),
}
# (User-Agent, wallet, whether it signs in, way): the tokens of payments.md §4.3 in the order in which they count.
INSIDE = {
    "WeChat": (WECHAT, "wechat", True, Way.JSAPI),
    "WeChat, whatever else it says": (f"{WECHAT} AliApp(AP/1) UnionPay/1.0 PSBC", "wechat", True, Way.JSAPI),
    "Alipay": (ALIPAY, "alipay", True, Way.JSAPI),
    "云闪付": (CLOUD_PAY, "unionpay", True, Way.JSAPI),
    "建设银行": (f"{ANDROID} UnionPay/1.0 CCBLoongPay", "unionpay", True, Way.JSAPI),
    "交通银行": (f"{ANDROID} UnionPay/1.0 BoComMDB", "unionpay", True, Way.JSAPI),
    "邮储银行": (f"{ANDROID} Nebula mPaaSClient AlipayClient/10 UnionPay/1.0 PSBC", "unionpay", True, Way.JSAPI),
    "京东金融": (f"{ANDROID} UnionPay/1.0 JDJR", "unionpay", True, Way.JSAPI),
    "the operator's bank": (f"{BANK} UnionPay/1.0 PSBC", "bankapp", False, Way.REDIRECT),
}


@pytest.mark.parametrize(("agent", "words"), ELSEWHERE.values(), ids=ELSEWHERE)
async def test_where_nothing_can_be_paid(shop: Shop, agent: str, words: str) -> None:
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


# --- one code, every wallet -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("agent", "wallet", "signs_in", "way"), INSIDE.values(), ids=INSIDE)
async def test_each_wallet_pays_in_its_own_way(bazaar: Shop, agent: str, wallet: str, signs_in: bool, way: Way) -> None:
    browser, order = await bazaar.browser(agent), await bazaar.order()
    for path in (f"/q/{bazaar.code}", f"/cashier/{order.token}"):
        known = not signs_in or path.startswith("/cashier")
        page = await browser.get(path) if known else await browser.sign_in(path, "payer-1", wallet)
        assert page.status == 200 and "老街面馆有限公司" in page.text
        assert ("getBrandWCPayRequest" in page.text) == (wallet == "wechat")
        assert ("AlipayJSBridge" in page.text) == (wallet == "alipay")
    opened = (await browser.charge(order)).json

    taker = bazaar.gateway if wallet == "wechat" else bazaar.second
    [sent] = taker.requests
    assert (sent.way, sent.payer_id) == (way, "payer-1" if signs_in else None)
    assert opened["result"] == "pay" and set(opened) == {
        "result",
        "bridge" if wallet in ("wechat", "alipay") else "url",
    }
    if wallet == "alipay":
        assert opened["bridge"] == {"trade_no": f"2026{sent.out_trade_no}"}
    await bazaar.pay(order, taker)
    assert (await browser.get(f"/cashier/{order.token}")).location == f"/receipts/{order.token}"


async def test_unionpay_is_told_which_app_opened_the_page(bazaar: Shop) -> None:
    bank, order = await bazaar.browser(f"{ANDROID} UnionPay/1.0 CCBLoongPay"), await bazaar.order()
    await bank.sign_in(f"/cashier/{order.token}", wallet="unionpay")
    await bank.charge(order)

    assert [(each.app, each.return_url) for each in bazaar.second.requests] == [
        ("UnionPay/1.0 CCBLoongPay", f"http://127.0.0.1:8080/cashier/{order.token}")
    ]


async def test_alipay_without_its_bridge_goes_on_at_its_page_for_browsers(bazaar: Shop) -> None:
    phone, order = await bazaar.browser(ALIPAY), await bazaar.order()
    opened = await phone.charge(order, "way=h5")

    assert opened.json["url"].startswith("https://wallet.example/pay")
    assert [each.way for each in bazaar.second.requests] == [Way.H5]


@pytest.mark.parametrize(
    ("agent", "how"),
    [(WECHAT, "with=alipay"), (WECHAT, "way=h5"), (CLOUD_PAY, "way=h5&with=bankapp"), (ALIPAY, "with=wechat")],
)
async def test_a_page_chooses_only_among_what_its_browser_can_do(bazaar: Shop, agent: str, how: str) -> None:
    phone, order = await bazaar.browser(agent), await bazaar.order()

    assert (await phone.charge(order, how)).json["result"] == "sign_in", "as if nothing had been chosen"
    assert bazaar.second.requests == [] == bazaar.gateway.requests


async def test_one_person_is_somebody_else_to_each_wallet(bazaar: Shop) -> None:
    """What a wallet says of a payer is believed for that wallet alone, in the same browser and at the same account."""
    order = await bazaar.order()
    phone = await bazaar.browser(ALIPAY)
    await phone.sign_in(f"/cashier/{order.token}", "2088", "alipay")
    phone.agent = CLOUD_PAY

    assert (await phone.charge(order)).json["result"] == "sign_in"
    await phone.sign_in(f"/cashier/{order.token}", "union-1", "unionpay")
    await phone.charge(order)
    assert [each.payer_id for each in bazaar.second.requests] == ["union-1"]


async def test_a_sign_in_of_one_wallet_is_none_of_another(bazaar: Shop) -> None:
    """Both come back to the same address; the state says which of them was asked."""
    phone = await bazaar.browser(ALIPAY)
    sent = await phone.get(f"/q/{bazaar.code}")
    back = await phone.come_back(sent, bazaar.wallets["unionpay"].code("union-1"))

    assert back.status == 400
    assert (await phone.get(f"/q/{bazaar.code}")).status == 302


# --- a phone's own browser ------------------------------------------------------------------------------------------


async def test_a_phones_own_browser_chooses(bazaar: Shop) -> None:
    order = await bazaar.order()
    phone = await bazaar.browser(SAFARI)
    page = await phone.get(f"/cashier/{order.token}")

    assert page.status == 200 and "选择付款方式" in page.text
    # WeChat's own gateway here has no way for browsers, so the rule's second one takes it.
    assert [name for name in ("wechat", "alipay", "unionpay", "bankapp") if f'data-with="{name}"' in page.text] == [
        "wechat",
        "alipay",
        "unionpay",
        "bankapp",
    ]
    opened = await phone.charge(order, "with=alipay")
    assert opened.json["url"].startswith("https://wallet.example/pay")
    again = await phone.charge(order, "with=bankapp")
    assert again.json["url"].startswith("https://wallet.example/pay")
    assert [(each.way, each.payer_id) for each in bazaar.second.requests] == [(Way.H5, None), (Way.REDIRECT, None)]
    assert [each.state for each in bazaar.second.charges.values()] == ["closed", "waiting"]


async def test_only_what_the_merchant_has_is_offered(bazaar: Shop) -> None:
    order = await bazaar.order()
    await bazaar.execute('UPDATE merchants SET gateways = \'{"scripted":"main"}\'')
    phone = await bazaar.browser(SAFARI)
    page = await phone.get(f"/cashier/{order.token}")

    assert "data-with" not in page.text and "请在微信里付款" in page.text
    assert (await phone.charge(order, "with=alipay")).json == {"result": "refused", "code": "no_way"}
    assert (await phone.charge(order, "with=<script>")).json == {"result": "refused", "code": "wallet"}


async def test_at_a_store_the_amount_is_typed_first(bazaar: Shop) -> None:
    phone = await bazaar.browser(SAFARI)
    page = await phone.get(f"/q/{bazaar.code}")
    placed = await phone.type_amount("25.50", page.nonce)
    twice = await phone.type_amount("25.50", page.nonce)

    assert page.status == 200 and '"chooses": true' in page.text
    assert placed.json == twice.json and placed.json["result"] == "order"
    assert (await bazaar.audit())["orders"] == 1
    assert "选择付款方式" in (await phone.get(placed.json["url"])).text


async def test_an_order_by_nobody_is_not_made(bazaar: Shop) -> None:
    """A program without the page's cookie, and a desk, make no orders at a store."""
    stranger, desk = await bazaar.browser(SAFARI), await bazaar.browser(DESKTOP)
    await desk.get(f"/q/{bazaar.code}")

    for browser in (stranger, desk):
        assert (await browser.type_amount("25.50", "n" * 24)).json["result"] == "sign_in"
    assert (await bazaar.audit())["orders"] == 0


async def test_one_address_makes_so_many_orders(bazaar: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.landing.ORDERS_OF_ADDRESS_MAX", 2)
    phone = await bazaar.browser(SAFARI)
    nonce = (await phone.get(f"/q/{bazaar.code}")).nonce
    placed = [await phone.type_amount("25.50", f"{at}{nonce[1:]}") for at in range(3)]

    assert [each.status for each in placed] == [200, 200, 429]


# --- a desk ---------------------------------------------------------------------------------------------------------


async def test_a_desk_shows_our_code_and_on_demand_a_wallets_own(bazaar: Shop) -> None:
    desk, order = await bazaar.browser(DESKTOP), await bazaar.order()
    page = await desk.get(f"/cashier/{order.token}")
    assert "微信、支付宝或云闪付“扫一扫”付款" in page.text
    source = page.text.partition('src="')[2].partition('"')[0]
    for wallet in ("wechat", "alipay"):
        assert (await desk.get(f"{source}?with={wallet}")).status == 404, "no such charge waits"
    opened = await desk.charge(order, "with=alipay")

    assert opened.json == {"result": "pay", "code": f"{source}?with=alipay"}
    drawn, ours = await desk.get(opened.json["code"]), await desk.get(source)
    [number] = bazaar.second.charges
    assert decode(rasterise(svg_root(drawn.text.encode()))) == [f"https://qr.wallet.example/{number}"]
    assert drawn.headers["Cache-Control"] == "no-store" and "immutable" in ours.headers["Cache-Control"]
    assert (await desk.get(f"{source}?with=bankapp1")).status == 404
    await bazaar.pay(order, bazaar.second)
    assert (await desk.get(f"{source}?with=alipay")).status == 404, "paid: nobody is to scan it any more"


async def test_whoever_pays_by_phone_after_all_closes_the_desks_code(bazaar: Shop) -> None:
    desk, phone, order = await bazaar.browser(DESKTOP), await bazaar.browser(), await bazaar.order()
    await desk.charge(order, "with=alipay")
    await phone.sign_in(f"/cashier/{order.token}")

    assert (await phone.charge(order)).json["result"] == "pay"
    assert [each.state for each in bazaar.second.charges.values()] == ["closed"]


# --- trouble --------------------------------------------------------------------------------------------------------


async def test_a_wallet_whose_gateway_is_in_trouble_says_so(bazaar: Shop) -> None:
    order = await bazaar.order()
    for _ in range(3):
        bazaar.house.payments.gateways.saw("second", "main", "create", Unknown("timeout"))
    phone, safari = await bazaar.browser(ALIPAY), await bazaar.browser(SAFARI)

    for page in (await phone.get(f"/cashier/{order.token}"), await safari.get(f"/q/{bazaar.code}")):
        assert page.status == 503 and "暂时没有回应，这次没有扣款" in page.text
    assert (await phone.charge(order)).json == {"result": "refused", "code": "busy"}


async def test_a_payer_goes_to_the_next_gateway_by_its_own_sign_in(bazaar: Shop) -> None:
    """The openid of one merchant's app is nobody to the other's, so the wallet is asked again, silently."""
    order = await bazaar.order()
    phone = await bazaar.browser()
    await phone.sign_in(f"/cashier/{order.token}", "openid-of-first")
    bazaar.gateway.script("create", Declined("credentials"))
    from_first = await phone.charge(order)

    assert from_first.json == {"result": "sign_in", "url": f"/cashier/{order.token}"}
    await phone.sign_in(f"/cashier/{order.token}", "openid-of-second")
    assert (await phone.charge(order)).json["result"] == "pay"
    assert [each.payer_id for each in bazaar.gateway.requests] == ["openid-of-first"]
    assert [each.payer_id for each in bazaar.second.requests] == ["openid-of-second"]
