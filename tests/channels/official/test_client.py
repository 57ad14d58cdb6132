"""Each call of the platform client: what it sends, what it returns, and how it bears refusals."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from wechatpy.oauth import WeChatOAuth

from bot.channels.official.client import WeChatClient, js_signature
from bot.channels.platform.errors import BadCode, NoSuchThing, Refused, SystemBusy, WeChatError
from bot.kernel.clock import ManualClock, SystemClock
from bot.kernel.errors import BadRequest, GatewayTrouble
from bot.outside.http import HttpClient
from tests.channels import samples
from tests.channels.fakes import FakeStore, pass_time
from tests.channels.official.platform import OK, RID, SEND, Platform, away, no
from tests.channels.samples import APP_ID, OPENID, account

TEMPLATE = "/cgi-bin/message/template/send"
NOTICE = "/cgi-bin/message/subscribe/bizsend"
CODE = "/cgi-bin/qrcode/create"
OAUTH = "/sns/oauth2/access_token"
UPLOAD = "/cgi-bin/media/upload"
TICKET = "/cgi-bin/ticket/getticket"


# --- errors ---------------------------------------------------------------------------------------------------------


async def test_a_busy_platform_is_asked_three_times_with_pauses(
    client: WeChatClient, platform: Platform, clock: ManualClock
) -> None:
    platform.says(SEND, no(-1, "system error"))
    call = asyncio.create_task(client.send_custom({}))

    await pass_time(clock, 1.2)

    with pytest.raises(SystemBusy):
        await call
    assert platform.count(SEND) == 3


async def test_a_platform_that_is_busy_once(client: WeChatClient, platform: Platform, clock: ManualClock) -> None:
    platform.says(SEND, no(-1), OK)
    call = asyncio.create_task(client.send_custom({}))
    await pass_time(clock, 0.3)

    await call


async def test_other_refusals_are_raised_at_once_with_errcode_and_rid(client: WeChatClient, platform: Platform) -> None:
    platform.says(NOTICE, no(43101, "user refuse to accept the msg"))

    with pytest.raises(Refused) as caught:
        await client.send_notice(OPENID, "T", {"thing1": "电费"})

    assert caught.value.errcode == 43101 and caught.value.rid == RID and platform.count(NOTICE) == 1


@pytest.mark.parametrize("answer", [b"<html>502</html>", b"[]", b"\xff", b"[" * 100_000])
async def test_an_answer_that_is_none(client: WeChatClient, platform: Platform, answer: bytes) -> None:
    platform.says(SEND, answer)

    with pytest.raises(GatewayTrouble, match="wechat_bad_answer"):
        await client.send_custom({})


async def test_an_answer_without_what_was_asked_for(client: WeChatClient, platform: Platform) -> None:
    platform.says(CODE, {"url": "http://weixin.qq.com/q/x"})

    with pytest.raises(GatewayTrouble, match="wechat_bad_answer"):
        await client.create_code("shop", 60)


async def test_no_secret_and_no_token_is_in_an_error(client: WeChatClient, platform: Platform) -> None:
    platform.says(OAUTH, away())

    with pytest.raises(GatewayTrouble) as caught:
        await client.exchange("code")

    assert "s" * 32 not in f"{caught.value!r}{caught.value.facts}"


# --- messages -------------------------------------------------------------------------------------------------------


async def test_a_template_message(client: WeChatClient, platform: Platform) -> None:
    platform.says(TEMPLATE, {**OK, "msgid": 2398471298347129834})

    msgid = await client.send_template(
        OPENID, "T1", {"amount": "128.50"}, url="https://pay.example/", client_msg_id="m1"
    )

    assert msgid == "2398471298347129834"
    assert platform.last(TEMPLATE).json() == {
        "touser": OPENID,
        "template_id": "T1",
        "data": {"amount": {"value": "128.50"}},
        "url": "https://pay.example/",
        "client_msg_id": "m1",
    }


@pytest.mark.parametrize(
    ("options", "extra"),
    [
        ({}, {}),
        ({"page": "https://pay.example/"}, {"page": "https://pay.example/"}),
        ({"page": "pages/r", "app_id": "wx1"}, {"miniprogram": {"appid": "wx1", "pagepath": "pages/r"}}),
    ],
)
async def test_a_subscribe_message(
    client: WeChatClient, platform: Platform, options: Mapping[str, str], extra: Mapping[str, Any]
) -> None:
    await client.send_notice(OPENID, "T1", {"thing1": "电费"}, **options)

    assert platform.last(NOTICE).json() == {
        "touser": OPENID,
        "template_id": "T1",
        "data": {"thing1": {"value": "电费"}},
        **extra,
    }
    assert "电费".encode() in platform.last(NOTICE).body


@pytest.mark.parametrize("answer", [OK, no(45080), no(45081)])
async def test_typing_that_cannot_be_shown_is_no_error(
    client: WeChatClient, platform: Platform, answer: dict[str, Any]
) -> None:
    path = "/cgi-bin/message/custom/typing"
    platform.says(path, answer)

    await client.typing(OPENID)
    assert platform.last(path).json() == {"touser": OPENID, "command": "Typing"}
    await client.typing(OPENID, on=False)
    assert platform.last(path).json()["command"] == "CancelTyping"


async def test_a_wrong_typing_command_is_an_error(client: WeChatClient, platform: Platform) -> None:
    platform.says("/cgi-bin/message/custom/typing", no(45072))
    with pytest.raises(WeChatError):
        await client.typing(OPENID)


async def test_a_picture_is_uploaded_once(client: WeChatClient, platform: Platform, clock: ManualClock) -> None:
    platform.says(UPLOAD, {"type": "image", "media_id": "M1"}, {"type": "image", "media_id": "M2"})

    assert [await client.upload_png(b"png", "a.png"), await client.upload_png(b"png", "b.png")] == ["M1", "M1"]
    clock.advance(3 * 86_400)
    assert await client.upload_png(b"png", "a.png") == "M2"


@pytest.mark.parametrize("name", ['"\r\nX: y', "付款码.png", "", "../../etc/passwd"])
async def test_a_file_name_breaks_out_of_no_header(client: WeChatClient, platform: Platform, name: str) -> None:
    platform.says(UPLOAD, {"media_id": "M"})
    await client.upload_png(b"\x89PNG", name)

    head = platform.last(UPLOAD).body.split(b"\r\n\r\n")[0].split(b"\r\n")
    assert len(head) == 3 and head[1].count(b'"') == 4 and head[1].endswith(b'.png"')


# --- menu, codes, customers -----------------------------------------------------------------------------------------


async def test_menu(client: WeChatClient, platform: Platform) -> None:
    menu = {"button": [{"type": "click", "name": "生活缴费", "key": "pay"}]}
    platform.says("/cgi-bin/menu/get", {"menu": menu}, no(46003, "menu no exist"))

    await client.create_menu(menu)
    assert "生活缴费".encode() in platform.last("/cgi-bin/menu/create").body
    assert (await client.menu())["menu"] == menu
    await client.delete_menu()
    with pytest.raises(NoSuchThing):
        await client.menu()


@pytest.mark.parametrize(
    ("scene", "life", "body"),
    [
        (7, 60, {"action_name": "QR_SCENE", "action_info": {"scene": {"scene_id": 7}}, "expire_seconds": 60}),
        ("s", 60, {"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "s"}}, "expire_seconds": 60}),
        (7, None, {"action_name": "QR_LIMIT_SCENE", "action_info": {"scene": {"scene_id": 7}}}),
        ("s", None, {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "s"}}}),
    ],
)
async def test_codes(
    client: WeChatClient, platform: Platform, scene: int | str, life: int | None, body: dict[str, Any]
) -> None:
    platform.says(
        CODE, {"ticket": "gQ==", "url": "http://weixin.qq.com/q/x", **({"expire_seconds": life} if life else {})}
    )

    code = await client.create_code(scene, life)

    assert platform.last(CODE).json() == body and code.expire_seconds == life
    assert code.picture_url == "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket=gQ%3D%3D"


@pytest.mark.parametrize(
    ("scene", "life"), [("", 60), ("s" * 65, None), (0, 60), (100_001, None), (2**32, 60), (1, 0), (1, 2_592_001)]
)
async def test_scenes_that_wechat_does_not_take(
    client: WeChatClient, platform: Platform, scene: int | str, life: int | None
) -> None:
    with pytest.raises(BadRequest):
        await client.create_code(scene, life)
    assert not platform.asked


async def test_a_follower(client: WeChatClient, platform: Platform) -> None:
    platform.says("/cgi-bin/user/info", {"subscribe": 1, "openid": OPENID})

    assert (await client.user(OPENID))["subscribe"] == 1
    assert platform.last("/cgi-bin/user/info").query == {"openid": OPENID, "lang": "zh_CN", "access_token": "t1"}


# --- pages ----------------------------------------------------------------------------------------------------------


def test_the_documented_js_signature() -> None:
    url = samples.JS_URL
    expected = samples.JS_SIGNATURE

    assert js_signature(samples.JS_TICKET, samples.JS_NONCE, samples.JS_TIMESTAMP, url) == expected
    assert js_signature(samples.JS_TICKET, samples.JS_NONCE, samples.JS_TIMESTAMP, f"{url}#/bill") == expected


async def test_js_config_fetches_one_ticket(client: WeChatClient, platform: Platform, clock: ManualClock) -> None:
    platform.says(TICKET, {**OK, "ticket": samples.JS_TICKET, "expires_in": 7200})

    configs = await asyncio.gather(*(client.js_config("https://pay.example/c/1#top") for _ in range(10)))

    assert platform.count(TICKET) == 1 and len({config.nonce for config in configs}) == 10
    first = configs[0]
    assert first.app_id == APP_ID and first.timestamp == int(clock.now().timestamp())
    assert first.signature == js_signature(samples.JS_TICKET, first.nonce, first.timestamp, "https://pay.example/c/1")


def test_the_authorization_page_is_wechatpys(client: WeChatClient) -> None:
    back = "https://pay.example/back?x=1&y=缴"
    theirs = WeChatOAuth(APP_ID, "", back, "snsapi_base", "state1")

    assert client.authorize_url(back, "state1") == theirs.authorize_url
    theirs.scope = "snsapi_userinfo"
    assert client.authorize_url(back, "state1", profile=True) == theirs.authorize_url


def test_a_state_cannot_change_the_rest_of_the_page() -> None:
    """wechatpy puts it there unescaped."""
    url = WeChatClient(account(), None, None, None).authorize_url("https://a.example/", "x&scope=y#z")  # type: ignore[arg-type]

    assert url.endswith("&state=x%26scope%3Dy%23z#wechat_redirect")


async def test_exchange(client: WeChatClient, platform: Platform) -> None:
    platform.says(
        OAUTH,
        {"access_token": "A", "openid": OPENID, "scope": "snsapi_base", "unionid": "U", "is_snapshotuser": 1},
        {"access_token": "A", "openid": OPENID, "scope": "snsapi_base"},
    )

    first, second = await client.exchange("c1"), await client.exchange("c2")

    assert (first.openid, first.unionid, first.snapshot) == (OPENID, "U", True)
    assert (second.unionid, second.snapshot) == (None, False)
    assert platform.last(OAUTH).query["code"] == "c2" and "access_token" not in platform.last(OAUTH).query


@pytest.mark.parametrize("code", [40029, 40163, 42003])
async def test_a_spent_code(client: WeChatClient, platform: Platform, code: int) -> None:
    platform.says(OAUTH, no(code))

    with pytest.raises(BadCode):
        await client.exchange("used")


# --- over a real connection -----------------------------------------------------------------------------------------


async def test_over_http() -> None:
    """The requests are what an HTTP server takes them for."""
    seen: dict[str, Any] = {}

    async def token(request: web.Request) -> web.Response:
        seen["token"] = await request.json()
        return web.json_response({"access_token": "t+1/=", "expires_in": 7200})

    async def upload(request: web.Request) -> web.Response:
        fields = await request.post()
        media = fields["media"]
        assert isinstance(media, web.FileField)
        seen["upload"] = (request.query["access_token"], media.filename, media.content_type, media.file.read())
        return web.Response(text=json.dumps({"type": "image", "media_id": "M"}), content_type="text/plain")

    async def send(request: web.Request) -> web.Response:
        seen["send"] = await request.json()
        return web.json_response(OK) if seen["send"]["touser"] == OPENID else web.Response(status=500)

    app = web.Application()
    app.add_routes([web.post("/cgi-bin/stable_token", token), web.post(UPLOAD, upload), web.post(SEND, send)])
    clock = SystemClock()
    async with TestServer(app) as server:
        http = await HttpClient.create(clock)
        client = WeChatClient(
            account(api_base=str(server.make_url("")).rstrip("/")), http, FakeStore(ManualClock(clock.now())), clock
        )
        assert await client.upload_png(b"\x89PNG\r\n--x", "code.png") == "M"
        await client.send_custom({"touser": OPENID, "msgtype": "text", "text": {"content": "您好"}})
        with pytest.raises(GatewayTrouble, match="wechat_http_status"):
            await client.send_custom({"touser": "other"})
        await client.close()
        await http.close()

    assert seen["upload"] == ("t+1/=", "code.png", "image/png", b"\x89PNG\r\n--x")
    assert seen["token"]["appid"] == APP_ID
