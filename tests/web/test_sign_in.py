"""Who pays is found out by the wallet's sign-in: a state is spent once, by the browser and account that it was for."""

import pytest

from bot.kernel.clock import ManualClock
from bot.kernel.errors import GatewayTrouble
from bot.kernel.ids import random_text
from bot.web.visitors import STATE_SECONDS
from tests.web.rig import URL, WALLET_URL, Browser, Shop, open_shop

CALLBACK = "/oauth/scripted/main"


async def test_the_way_there_and_back(shop: Shop, phone: Browser) -> None:
    """A payer is sent to the wallet once; afterwards every page of this account knows them."""
    order = await shop.order()
    sent = await phone.get(f"/cashier/{order.token}")

    assert sent.status == 302
    assert sent.location == f"{WALLET_URL}?redirect_uri={URL}{CALLBACK}&state={sent.state}"
    back = await phone.come_back(sent, shop.wallet.code())
    assert (back.status, back.location) == (303, f"/cashier/{order.token}")
    assert (await phone.get(back.location)).status == 200
    assert (await phone.get(f"/q/{shop.code}")).status == 200


async def test_the_redirect_tells_nobody_where_it_leads_back(shop: Shop, phone: Browser) -> None:
    """The way back is kept by us: whatever stands in the URL, it cannot lead elsewhere."""
    order = await shop.order()
    sent = await phone.get(f"/cashier/{order.token}?back=https://evil.example/&next=//evil.example")

    assert order.token not in sent.location and "evil" not in sent.location
    code = shop.wallet.code()
    evil = "back=//evil.example&redirect=https://evil.example&next=/%0d%0aSet-Cookie:x"
    back = await phone.get(f"{CALLBACK}?code={code}&state={sent.state}&{evil}")
    assert back.location == f"/cashier/{order.token}"


@pytest.mark.parametrize(
    "query",
    ["", "code=abc", "code=abc&state=", "code=abc&state=short", "code=abc&state=" + "x" * 33, "code=abc&state=%00" * 3],
)
async def test_no_state_or_one_of_another_form(shop: Shop, phone: Browser, query: str) -> None:
    await phone.get(f"/q/{shop.code}")
    refused = await phone.get(f"{CALLBACK}?{query}")

    assert refused.status == 403 and "没有扣款" not in refused.text and "重新验证" in refused.text


async def test_a_state_that_we_never_gave(shop: Shop, phone: Browser) -> None:
    await phone.get(f"/q/{shop.code}")

    assert (await phone.get(f"{CALLBACK}?code={shop.wallet.code()}&state={random_text(32)}")).status == 403
    assert len(shop.wallet.codes) == 1, "the code is not even looked at"


async def test_a_state_is_spent_once(shop: Shop, phone: Browser) -> None:
    sent = await phone.get(f"/q/{shop.code}")

    assert (await phone.come_back(sent, shop.wallet.code())).status == 303
    assert (await phone.come_back(sent, shop.wallet.code())).status == 403


async def test_a_state_lives_ten_minutes(shop: Shop, phone: Browser, clock: ManualClock) -> None:
    early, late = await phone.get(f"/q/{shop.code}"), await phone.get(f"/q/{shop.code}")
    clock.advance(STATE_SECONDS - 1)
    assert (await phone.come_back(early, shop.wallet.code())).status == 303
    clock.advance(2)
    assert (await phone.come_back(late, shop.wallet.code())).status == 403


async def test_another_browser_cannot_finish_a_sign_in(shop: Shop, phone: Browser) -> None:
    """CSRF: an attacker's own finished sign-in must not become the victim's identity."""
    for_a_stranger, for_a_visitor = await phone.get(f"/q/{shop.code}"), await phone.get(f"/q/{shop.code}")
    victim = await shop.browser()

    assert (await victim.come_back(for_a_stranger, shop.wallet.code("attacker"))).status == 403
    await victim.get(f"/q/{shop.code}")
    assert (await victim.come_back(for_a_visitor, shop.wallet.code("attacker"))).status == 403
    assert (await victim.get(f"/q/{shop.code}")).status == 302, "nobody is signed in"


async def test_a_state_is_for_one_account(shop: Shop, phone: Browser) -> None:
    """An openid belongs to one appid: a code that another account's wallet would exchange is another's."""
    sent = await phone.get(f"/q/{shop.code}")

    assert (await phone.get(f"/oauth/scripted/other?code={shop.wallet.code()}&state={sent.state}")).status == 403
    assert (await phone.get(f"/oauth/scripted/nobody?code={shop.wallet.code()}&state={sent.state}")).status == 404


async def test_a_code_is_good_once(shop: Shop, phone: Browser) -> None:
    code = shop.wallet.code()
    first, second = await phone.get(f"/q/{shop.code}"), await phone.get(f"/q/{shop.code}")
    assert (await phone.come_back(first, code)).status == 303

    refused = await phone.come_back(second, code)
    assert refused.status == 400 and f'href="/q/{shop.code}"' in refused.text, "the page names the way back"


@pytest.mark.parametrize("code", ["", "x" * 513])
async def test_a_code_of_another_form(shop: Shop, phone: Browser, code: str) -> None:
    assert (await phone.come_back(await phone.get(f"/q/{shop.code}"), code)).status == 400


async def test_a_snapshot_user_must_not_pay(shop: Shop, phone: Browser) -> None:
    """WeChat's preview gives a throw-away identity (wechat.md §2.2)."""
    refused = await phone.come_back(await phone.get(f"/q/{shop.code}"), shop.wallet.code(snapshot=True))

    assert refused.status == 403 and "使用完整服务" in refused.text
    assert (await phone.get(f"/q/{shop.code}")).status == 302


async def test_a_wallet_that_does_not_answer(shop: Shop, phone: Browser) -> None:
    shop.wallet.codes["lost"] = GatewayTrouble("timeout")
    refused = await phone.come_back(await phone.get(f"/q/{shop.code}"), "lost")

    assert refused.status == 502 and "没有扣款" in refused.text and "重新打开" in refused.text


async def test_a_session_of_another_form_is_a_new_one(shop: Shop) -> None:
    for cookie in ("short", "x" * 33, "-" * 32, "../" * 10 + "ab"):
        sent = await (await shop.browser()).get(f"/q/{shop.code}", Cookie=f"sp_visit={cookie}")
        assert sent.status == 302 and "sp_visit=" in sent.cookie


async def test_the_cookie(shop: Shop, phone: Browser) -> None:
    sent = await phone.get(f"/q/{shop.code}")

    assert all(part in sent.cookie for part in ("sp_visit=", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Secure" not in sent.cookie, "plain http, which only this machine may use"
    assert (await phone.get(f"/q/{shop.code}")).cookie == "", "it is set once"


async def test_the_cookie_on_https(sqlite_url: str, clock: ManualClock) -> None:
    async with open_shop(sqlite_url, clock, public_url="https://pay.example.com") as shop:
        sent = await (await shop.browser()).get(f"/q/{shop.code}")

        assert sent.cookie.startswith("__Host-sp_visit=") and "Secure" in sent.cookie and "Domain" not in sent.cookie
        assert sent.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_the_store_holds_no_name_and_no_session(shop: Shop, phone: Browser) -> None:
    """Redis is shared and dumped; neither an openid nor a session that could be used is in it."""
    page = await phone.sign_in(f"/q/{shop.code}", "openid-of-a-person")
    await phone.get(f"/cashier/{(await shop.order()).token}")
    session = phone.client.session.cookie_jar.filter_cookies(phone.client.make_url("/"))["sp_visit"].value
    kept = str(vars(shop.house.ephemeral))

    assert page.status == 200 and "payer:" in kept
    assert session not in kept and "openid-of-a-person" not in kept
