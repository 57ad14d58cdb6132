"""The web view as a proxy: identity, headers, redirects, streams and the JS-SDK's check."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from bot.simulators.clock import FactorClock
from bot.simulators.wechat import WeChatPlan, make, make_webview
from tests.simulators.wechat_rig import ALICE, APPID, BOB, account, served
from tests.simulators.wechat_shop import Street, street


@contextlib.asynccontextmanager
async def browser(running: Street, openid: str = ALICE.openid) -> AsyncIterator[aiohttp.ClientSession]:
    """A session that has opened a link on the phone, cookies and all."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        query = {"openid": openid, "url": f"{running.shop.public_url}/q/table8"}
        async with session.get(f"{running.webview}/__wechat__/open", params=query) as response:
            assert response.status == 200
            assert str(response.url) == f"{running.webview}/cashier/1"
        yield session


@pytest.mark.parametrize("person", [ALICE, BOB])
async def test_a_link_opens_with_the_phones_identity_and_stays_inside(person: object) -> None:
    openid = getattr(person, "openid", "")
    async with street() as running, browser(running, openid):
        names = [name for name, _ in running.shop.seen]
        assert names == ["code", "cashier"]
        headers = running.shop.seen[1][1]
        assert headers["payer"] == openid
        assert "MicroMessenger/8.0.50" in headers["User-Agent"]
        assert headers["Host"] == running.shop.public_url.removeprefix("http://")
        assert "wechat_sim_user" not in headers.get("Cookie", "")


async def test_the_product_sees_its_own_origin() -> None:
    async with street() as running, browser(running) as session:
        headers = {
            "Origin": running.webview,
            "Referer": f"{running.webview}/cashier/1",
            "Sec-Fetch-Dest": "iframe",
            "X-Forwarded-Proto": "http",
        }
        async with session.post(f"{running.webview}/cashier/pay", headers=headers, data=b"a=1") as response:
            assert (await response.json())["package"] == "prepay_id=wx01"
        seen = running.shop.seen[-1][1]
        assert seen["Origin"] == running.shop.public_url
        assert seen["Referer"] == f"{running.shop.public_url}/cashier/1"
        assert seen["Sec-Fetch-Dest"] == "document"


async def test_a_page_gets_the_bridge_and_loses_its_frame_rules() -> None:
    async with street() as running, browser(running) as session:
        async with session.get(f"{running.webview}/cashier/1") as response:
            text, headers = await response.text(), response.headers
        assert "X-Frame-Options" not in headers
        policy = headers["Content-Security-Policy"]
        assert "frame-ancestors" not in policy
        nonce = policy.rpartition("'nonce-")[2].partition("'")[0]
        assert f'<head><script src="/__wechat__/bridge.js" nonce="{nonce}"></script>' in text
        assert running.shop.public_url not in text
        async with session.get(f"{running.webview}/__wechat__/bridge.js") as script:
            assert "MicroMessenger" in await script.text()


@pytest.mark.parametrize("url", ["https://evil.example/", "javascript:alert(1)", "", "http://127.0.0.1:1/"])
async def test_only_the_products_links_open(url: str) -> None:
    async with street() as running, aiohttp.ClientSession() as session:
        query = {"openid": ALICE.openid, "url": url}
        async with session.get(f"{running.webview}/__wechat__/open", params=query) as response:
            assert "演示范围" in await response.text()
            assert len(response.history) == 0
        refused = await running.order("/phone/link", {"openid": ALICE.openid, "url": url})
        assert "error" in refused


async def test_a_redirect_to_elsewhere_ends_on_a_notice() -> None:
    async with street() as running, browser(running) as session, session.get(f"{running.webview}/away") as response:
        assert str(response.url).startswith(f"{running.webview}/__wechat__/outside")
        assert "evil.example" in await response.text()


async def test_streams_flow_through() -> None:
    async with (
        street() as running,
        browser(running) as session,
        session.get(f"{running.webview}/cashier/events") as response,
    ):
        assert response.content_type == "text/event-stream"
        assert (await response.content.readuntil(b"\n\n")).decode() == "data: 待支付\n\n"
        running.shop.state = "已支付"
        running.shop.wake()
        assert (await response.content.readuntil(b"\n\n")).decode() == "data: 已支付\n\n"


async def test_open_streams_do_not_hold_up_the_end() -> None:
    async with aiohttp.ClientSession() as session:
        async with asyncio.timeout(5), street() as running:
            streams = [
                await session.get(f"{running.webview}/cashier/events"),
                await session.get(f"{running.platform}/phone/events", params={"openid": ALICE.openid}),
                await session.get(f"{running.platform}/phone/trail"),
            ]
            for stream in streams:
                await stream.content.readuntil(b"\n\n")
        for stream in streams:
            stream.close()


async def test_readers_that_went_away_are_forgotten() -> None:
    async with street() as running:
        async with aiohttp.ClientSession() as session, session.get(f"{running.platform}/phone/trail") as stream:
            await stream.content.readuntil(b"\n\n")
        for _ in range(3):
            await running.order("/_sim/verify", {})
        async with aiohttp.ClientSession() as session, session.get(f"{running.platform}/phone/trail") as stream:
            history = [await stream.content.readuntil(b"\n\n") for _ in range(4)]
        assert sum("服务器地址验证".encode() in event for event in history) == 3


async def test_a_product_that_is_down_shows_a_notice() -> None:
    plan = WeChatPlan(accounts=(account(),), public_url="http://127.0.0.1:9", webview_url="http://127.0.0.1:1")
    platform = make(plan, FactorClock())
    async with served(platform), served(make_webview(plan, FactorClock(), platform)) as view:
        assert "无法打开" in await _page(view, "/cashier/1")


async def test_before_the_ports_are_known() -> None:
    plan = WeChatPlan(accounts=(account(),))
    platform = make(plan, FactorClock())
    async with served(platform), served(make_webview(plan, FactorClock(), platform)) as view:
        assert "尚未设置" in await _page(view, "/cashier/1")


async def _page(server: TestServer, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(server.make_url(path)) as response:
        return await response.text()


@pytest.mark.parametrize("good", [True, False])
async def test_the_sdk_signature_is_checked_for_the_products_address(good: bool) -> None:
    async with street() as running, browser(running) as session:
        asked = {"grant_type": "client_credential", "appid": APPID, "secret": account().secret}
        token = (await running.order("/cgi-bin/stable_token", asked))["access_token"]
        query = {"access_token": token, "type": "jsapi"}
        async with session.get(f"{running.platform}/cgi-bin/ticket/getticket", params=query) as response:
            ticket = (await response.json(content_type=None))["ticket"]
        signed_url = f"{running.shop.public_url}/cashier/1" if good else f"{running.webview}/cashier/1"
        text = f"jsapi_ticket={ticket}&noncestr=Wm3WZYTPz0wzccnW&timestamp=1414587457&url={signed_url}"
        config = {
            "appId": APPID,
            "timestamp": 1414587457,
            "nonceStr": "Wm3WZYTPz0wzccnW",
            "signature": hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(),
            "url": f"{running.webview}/cashier/1#top",
        }
        async with session.post(f"{running.webview}/__wechat__/config", json=config) as response:
            assert (await response.json())["ok"] is good


async def test_someone_elses_authorize_link_shows_a_page() -> None:
    async with street() as running, browser(running) as session:
        query = {"appid": APPID, "redirect_uri": "https://evil.example/", "response_type": "code"}
        url = f"{running.webview}/__wechat__/authorize"
        async with session.get(url, params={**query, "scope": "snsapi_base"}) as response:
            assert response.status == 200
            assert "redirect_uri" in await response.text()
