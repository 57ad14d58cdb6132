"""The cashier's page: a PIN opens it, guesses are counted, and its charges are the machine's own."""

import json
from typing import Any

import pytest

from bot.web.device.counter import COOKIE, TRIES_MAX, TRIES_SECONDS
from tests.payments.scripted_codes import PAYS, TYPES
from tests.web.device.rig import at_counter, devices
from tests.web.rig import WECHAT, Browser, Seen, Shop


async def sign_in(browser: Browser, page: str, pin: str) -> Seen:
    return await browser.post(f"/till/{page}/sign-in", {"pin": pin})


async def charge(browser: Browser, page: str, code: str = PAYS, **headers: str) -> Seen:
    body = json.dumps({"request_no": "R1", "amount": 2_550, "auth_code": code})
    return await browser.post(f"/till/{page}/charges", body, Accept="application/json", **headers)


async def test_a_pin_opens_the_counter(shop: Shop) -> None:
    async with at_counter(shop) as (browser, page, pin):
        before = await browser.get(f"/till/{page}")
        signed = await sign_in(browser, page, pin)
        after = await browser.get(f"/till/{page}")

        assert "登录码" in before.text and "面馆" not in before.text
        assert (signed.status, signed.location) == (303, f"/till/{page}")
        assert all(word in signed.cookie for word in (COOKIE, "HttpOnly", "SameSite=Strict", "Path=/till"))
        assert "老街面馆有限公司" in after.text and "中山路店" in after.text
        assert pin not in after.text


async def test_it_takes_follows_and_gives_up_payments(shop: Shop) -> None:
    async with at_counter(shop) as (browser, page, pin):
        await sign_in(browser, page, pin)
        taken = await charge(browser, page, TYPES)
        followed = await browser.get(f"/till/{page}/charges/{taken.json['id']}", Accept="application/json")
        given_up = await browser.post(f"/till/{page}/charges/{taken.json['id']}/cancel", Accept="application/json")

        assert (taken.status, taken.json["state"]) == (201, "waiting")
        assert followed.json["id"] == taken.json["id"]
        assert given_up.json["state"] == "cancelling"


@pytest.mark.parametrize("pin", ["", "1", "00000000", "1234567x", "123456789"])
async def test_a_wrong_pin_opens_nothing(shop: Shop, pin: str) -> None:
    async with at_counter(shop) as (browser, page, _):
        assert (await sign_in(browser, page, pin)).status == 401
        assert (await charge(browser, page)).status == 401


async def test_guesses_are_counted_before_they_are_looked_at(shop: Shop) -> None:
    async with at_counter(shop) as (browser, page, pin):
        for _ in range(TRIES_MAX):
            assert (await sign_in(browser, page, "00000000")).status == 401
        late = await sign_in(browser, page, pin)
        shop.clock.advance(TRIES_SECONDS + 1)  # type: ignore[attr-defined]

        assert late.status == 429 and "15 分钟" in late.text
        assert (await sign_in(browser, page, pin)).status == 303


async def test_an_unknown_page_looks_like_any_other(shop: Shop) -> None:
    async with at_counter(shop) as (browser, page, _):
        unknown = "dev_00000000000000000000000000"
        real = await browser.get(f"/till/{page}")
        other = await browser.get(f"/till/{unknown}")

        assert (other.status, other.text.replace(unknown, page)) == (real.status, real.text)
        assert (await sign_in(browser, unknown, "00000000")).status == 401


async def test_a_session_belongs_to_one_page_and_ends(shop: Shop) -> None:
    async with at_counter(shop) as (browser, page, pin):
        other, _ = await devices(shop).add_page(merchant_id="mer_1", store_id="sto_1", item_id="itm_meal", name="后厨")
        await sign_in(browser, page, pin)
        assert (await charge(browser, other)).status == 401
        assert (await charge(browser, page)).status == 201
        await browser.post(f"/till/{page}/sign-out")
        assert (await charge(browser, page)).status == 401
        await sign_in(browser, page, pin)
        await devices(shop).revoke(page)

        assert (await charge(browser, page)).status == 401


async def test_another_sites_page_takes_nothing(shop: Shop) -> None:
    async with at_counter(shop) as (browser, page, pin):
        await sign_in(browser, page, pin)

        assert (await charge(browser, page, Origin="https://evil.example")).status == 403
        assert shop.gateway.codes.seen == []  # type: ignore[union-attr]


async def test_wechats_scanner_needs_an_account_to_vouch(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_counter(shop) as (browser, page, pin):
        browser.agent = WECHAT
        await sign_in(browser, page, pin)
        without: Any = await browser.get(f"/till/{page}")

        assert "jweixin" not in without.text
        assert "res.wx.qq.com" not in without.headers["Content-Security-Policy"]
