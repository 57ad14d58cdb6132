"""The simulated api.weixin.qq.com: menu, QR codes, users, tickets, media, quotas and faults."""

import asyncio
import re

import aiohttp
import pytest

from tests.simulators.wechat_rig import ALICE, APPID, BOB, SECRET, Rig, account, rig, until

RID = re.compile(r" rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$")
VIEW = {"type": "view", "name": "官网", "url": "https://example.com/"}
CLICK = {"type": "click", "name": "物业费", "key": "PROPERTY"}


async def test_every_error_ends_in_a_request_id() -> None:
    async with rig() as running:
        answer = await running.get("/cgi-bin/menu/get", access_token="")

        assert answer["errcode"] == 41001
        assert answer["errmsg"].startswith("access_token missing")
        assert RID.search(answer["errmsg"])


async def test_a_menu_is_kept_shown_and_deleted() -> None:
    async with rig() as running:
        assert (await running.call("/cgi-bin/menu/get"))["errcode"] == 46003
        menu = {"button": [CLICK, {"name": "更多", "sub_button": [VIEW, CLICK]}]}
        assert await running.call("/cgi-bin/menu/create", menu) == {"errcode": 0, "errmsg": "ok"}

        assert (await running.call("/cgi-bin/menu/get"))["menu"] == menu
        assert (await running.get("/phone/state", openid=ALICE.openid))["menu"] == menu
        await running.call("/cgi-bin/menu/delete")
        assert (await running.call("/cgi-bin/menu/get"))["errcode"] == 46003


@pytest.mark.parametrize(
    ("buttons", "errcode"),
    [
        ([], 40016),
        ([CLICK] * 4, 40016),
        ([{**CLICK, "name": "六个汉字太多"}], 40018),
        ([{**CLICK, "name": ""}], 40018),
        ([{**CLICK, "type": "dance"}], 40017),
        ([{**CLICK, "key": ""}], 40019),
        ([{**CLICK, "key": "k" * 129}], 40019),
        ([{**VIEW, "url": "u" * 1025}], 40020),
        ([{"name": "多", "sub_button": [CLICK] * 6}], 40023),
        ([{"name": "深", "sub_button": [{"name": "层", "sub_button": [CLICK]}]}], 40023),
        ([{"type": "miniprogram", "name": "小", "appid": "wx1", "pagepath": "p"}], 40020),
        ([{"name": "多", "sub_button": [{**CLICK, "name": "名" * 21}]}], 40018),
    ],
)
async def test_a_menu_outside_the_limits_is_refused(buttons: list[object], errcode: int) -> None:
    async with rig() as running:
        assert (await running.call("/cgi-bin/menu/create", {"button": buttons}))["errcode"] == errcode


async def test_a_temporary_code_ends() -> None:
    async with rig() as running:
        body = {"action_name": "QR_SCENE", "expire_seconds": 600, "action_info": {"scene": {"scene_id": 7}}}
        code = await running.call("/cgi-bin/qrcode/create", body)
        assert code["expire_seconds"] == 600

        async with running.session.get(
            running.url + "/cgi-bin/showqrcode", params={"ticket": code["ticket"]}
        ) as picture:
            assert picture.content_type == "image/svg+xml"
        await running.clock.advance(601)
        assert "error" in await running.post("/_sim/scan", {"openid": ALICE.openid, "url": code["url"]})


@pytest.mark.parametrize(
    ("name", "scene", "good"),
    [
        ("QR_SCENE", {"scene_id": 1}, True),
        ("QR_SCENE", {"scene_id": 0}, False),
        ("QR_LIMIT_SCENE", {"scene_id": 100_000}, True),
        ("QR_LIMIT_SCENE", {"scene_id": 100_001}, False),
        ("QR_STR_SCENE", {"scene_str": "x" * 64}, True),
        ("QR_STR_SCENE", {"scene_str": "x" * 65}, False),
        ("QR_LIMIT_STR_SCENE", {"scene_str": ""}, False),
        ("QR_DREAM", {"scene_id": 1}, False),
    ],
)
async def test_scenes_within_their_limits(name: str, scene: dict[str, object], good: bool) -> None:
    async with rig() as running:
        answer = await running.call("/cgi-bin/qrcode/create", {"action_name": name, "action_info": {"scene": scene}})

        assert ("ticket" in answer) == good
        if good and "LIMIT" not in name:
            assert answer["expire_seconds"] == 60


async def test_facts_of_a_user() -> None:
    async with rig() as running:
        info = await running.call("/cgi-bin/user/info", openid=ALICE.openid)
        assert (info["subscribe"], info["unionid"], info["subscribe_scene"]) == (1, "uALICE", "ADD_SCENE_SEARCH")
        assert (await running.call("/cgi-bin/user/info", openid="oNOBODY"))["errcode"] == 40003
        listed = await running.call("/cgi-bin/user/get")
        assert listed["data"]["openid"] == [ALICE.openid]
        await running.post("/_sim/users", {"openid": BOB.openid, "follows": True})
        assert (await running.call("/cgi-bin/user/get"))["total"] == 2


async def test_a_ticket_lives_two_hours() -> None:
    async with rig() as running:
        first = await running.call("/cgi-bin/ticket/getticket", type="jsapi")
        again = await running.call("/cgi-bin/ticket/getticket", type="jsapi")
        assert first["ticket"] == again["ticket"]
        await running.clock.advance(7200)
        assert (await running.call("/cgi-bin/ticket/getticket", type="jsapi"))["ticket"] != first["ticket"]
        assert (await running.call("/cgi-bin/ticket/getticket", type="wx_card"))["errcode"] == 40097


async def _upload(running: Rig, data: bytes, kind: str = "image") -> dict[str, object]:
    form = aiohttp.FormData()
    form.add_field("media", data, filename="a.png", content_type="image/png")
    query = {"access_token": await running.token(), "type": kind}
    async with running.session.post(running.url + "/cgi-bin/media/upload", params=query, data=form) as response:
        return dict(await response.json(content_type=None))


async def test_a_picture_goes_up_and_into_the_chat() -> None:
    async with rig() as running:
        await running.say("hi")
        uploaded = await _upload(running, b"\x89PNG picture")
        media_id = str(uploaded["media_id"])
        query = {"access_token": await running.token(), "media_id": media_id}
        async with running.session.get(running.url + "/cgi-bin/media/get", params=query) as response:
            assert await response.read() == b"\x89PNG picture"
        body = {"touser": ALICE.openid, "msgtype": "image", "image": {"media_id": media_id}}
        assert (await running.call("/cgi-bin/message/custom/send", body))["errcode"] == 0
        async with running.session.get(f"{running.url}/phone/media/{APPID}/{media_id}") as response:
            assert response.content_type == "image/png"

        await running.clock.advance(3 * 86400 + 1)
        assert (await running.call("/cgi-bin/media/get", media_id=media_id))["errcode"] == 40007
        assert (await _upload(running, b"x", kind="poem"))["errcode"] == 40004
        assert (await _upload(running, b""))["errcode"] == 45001


async def test_a_daily_quota_ends_and_begins_at_midnight_in_china() -> None:
    async with rig() as running:
        await running.post("/_sim/plan", {"quotas": {"/cgi-bin/menu/get": 2}})
        codes = [(await running.call("/cgi-bin/menu/get"))["errcode"] for _ in range(3)]
        assert codes == [46003, 46003, 45009]

        await running.clock.advance(24 * 3600)
        assert (await running.call("/cgi-bin/menu/get"))["errcode"] == 46003


async def test_quotas_are_cleared_ten_times_a_month() -> None:
    async with rig() as running:
        await running.clock.advance(0)
        await running.post("/_sim/plan", {"quotas": {"/cgi-bin/menu/get": 1}})
        await running.call("/cgi-bin/menu/get")
        assert (await running.call("/cgi-bin/menu/get"))["errcode"] == 45009
        codes = [(await running.call("/cgi-bin/clear_quota", {"appid": APPID}))["errcode"] for _ in range(11)]
        assert codes == [0] * 10 + [48006]
        assert (await running.call("/cgi-bin/menu/get"))["errcode"] == 46003
        assert (await running.call("/cgi-bin/clear_quota", {"appid": "wx0"}))["errcode"] == 40013


# --- faults ---------------------------------------------------------------------------------------------------------


async def test_busy_for_so_many_calls_of_one_path() -> None:
    async with rig() as running:
        await running.post("/_sim/faults", {"busy": 2, "path": "/cgi-bin/menu/get"})
        codes = [(await running.call("/cgi-bin/menu/get"))["errcode"] for _ in range(3)]

        assert codes == [-1, -1, 46003]


async def test_a_good_token_is_refused_on_demand() -> None:
    async with rig() as running:
        await running.post("/_sim/faults", {"reject_token": 1, "path": "/cgi-bin/menu/get"})
        codes = [(await running.call("/cgi-bin/menu/get"))["errcode"] for _ in range(2)]

        assert codes == [40001, 46003]


async def test_a_server_error_and_broken_json() -> None:
    async with rig() as running:
        token = await running.token()
        await running.post("/_sim/faults", {"http_500": 1})
        async with running.session.get(running.url + "/cgi-bin/menu/get", params={"access_token": token}) as response:
            assert response.status == 502
        await running.post("/_sim/faults", {"malformed_json": 1})
        async with running.session.get(running.url + "/cgi-bin/menu/get", params={"access_token": token}) as response:
            with pytest.raises(ValueError, match="Unterminated"):
                await response.json(content_type=None)


@pytest.mark.parametrize(("fault", "arrives"), [("drop", 0), ("lose_answer", 1)])
async def test_a_lost_call_and_a_lost_answer_differ_in_effect(fault: str, arrives: int) -> None:
    async with rig() as running:
        await running.say("hi")
        token = await running.token()
        await running.post("/_sim/faults", {fault: 1})
        body = {"touser": ALICE.openid, "msgtype": "text", "text": {"content": "收据"}}
        with pytest.raises(aiohttp.ClientError):
            await running.post("/cgi-bin/message/custom/send", body, access_token=token)

        received = [entry for entry in await running.chat() if entry["via"] == "custom"]
        assert len(received) == arrives


async def test_a_slow_call_waits_on_the_clock() -> None:
    async with rig() as running:
        token = await running.token()
        await running.post("/_sim/faults", {"slow": {"seconds": 30, "calls": 1}})
        waiting = asyncio.create_task(running.get("/cgi-bin/menu/get", access_token=token))
        await until(lambda: running.clock.sleepers)
        assert not waiting.done()
        await running.clock.advance(30)
        assert (await waiting)["errcode"] == 46003


async def test_faults_are_listed_and_cleared() -> None:
    async with rig() as running:
        await running.post("/_sim/faults", {"busy": 3, "quota_exhausted": ["/cgi-bin/menu/get"]})
        assert (await running.get("/_sim/faults"))["busy"] == 3
        await running.post("/_sim/faults", {"busy": 0})
        assert (await running.call("/cgi-bin/menu/get"))["errcode"] == 45009
        await running.post("/_sim/faults", {"clear": True})
        assert (await running.call("/cgi-bin/menu/get"))["errcode"] == 46003


async def test_the_log_of_calls_holds_no_secret() -> None:
    async with rig() as running:
        token = await running.token()
        await running.get("/cgi-bin/menu/get", access_token=token)
        log = await running.get("/_sim/calls")

        assert [call["path"] for call in log["calls"]] == ["/cgi-bin/stable_token", "/cgi-bin/menu/get"]
        assert SECRET not in str(log)
        assert token not in str(log)
        assert log["calls"][1]["errcode"] == 46003
        only = await running.get("/_sim/calls", path="/cgi-bin/menu/get")
        assert only["count"] == 1


@pytest.mark.parametrize(("body", "errcode"), [(b"", 44002), (b"{", 47001), (b"[]", 47001)])
async def test_a_body_that_is_no_object_is_refused(body: bytes, errcode: int) -> None:
    async with rig() as running:
        query = {"access_token": await running.token()}
        async with running.session.post(running.url + "/cgi-bin/menu/create", params=query, data=body) as response:
            assert (await response.json(content_type=None))["errcode"] == errcode
        assert (await running.get("/cgi-bin/menu/create", **query))["errcode"] == 43002


def test_the_plan_hides_secrets_from_its_text() -> None:
    assert SECRET not in repr(account())


async def test_a_picture_that_a_person_sends_can_be_fetched_by_its_id() -> None:
    async with rig() as running:
        url = f"{running.url}/_sim/picture?openid={ALICE.openid}"
        async with aiohttp.ClientSession() as session, session.post(url, data=b"\x89PNG picture") as answer:
            sent = await answer.json()
            assert answer.status == 200, sent

        media_id = sent["media_id"]
        assert running.product.messages[-1].media_id == media_id
        query = {"access_token": await running.token(), "media_id": media_id}
        async with running.session.get(running.url + "/cgi-bin/media/get", params=query) as response:
            assert await response.read() == b"\x89PNG picture"


@pytest.mark.parametrize(("openid", "body"), [("oNobody", b"x"), (ALICE.openid, b""), (BOB.openid, b"x")])
async def test_a_picture_of_nobody_or_nothing_is_refused(openid: str, body: bytes) -> None:
    async with (
        rig() as running,
        aiohttp.ClientSession() as session,
        session.post(f"{running.url}/_sim/picture?openid={openid}", data=body) as answer,
    ):
        assert answer.status == 400
