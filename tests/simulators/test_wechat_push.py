"""Pushes: deadline and redelivery, modes and formats, and what the user sees of an answer."""

import asyncio
import itertools
from typing import Any

import pytest
from aiohttp import web
from wechatpy.replies import ArticlesReply, ImageReply, TextReply, TransferCustomerServiceReply

from bot.simulators.wechat import WeChatPlan, codec
from bot.simulators.wechat.messages import EVENTS, MESSAGE_FIELDS, SUBSCRIPTION_EVENTS
from bot.simulators.wechat.replies import FAULT_TEXT
from tests.simulators.wechat_rig import ALICE, APPID, BOB, account, rig, says

MODES = ("plain", "compat", "safe")


async def test_a_text_is_answered() -> None:
    async with rig(says("您好")) as running:
        outcome = await running.say("交物业费")

        assert outcome["replies"][0]["text"] == "您好"
        assert (outcome["attempts"], outcome["fault"]) == (1, False)
        message = running.product.messages[0]
        assert (message.content, message.source) == ("交物业费", ALICE.openid)
        assert str(message.id) == outcome["msgid"]
        assert message.id > 2**53
        assert [entry["sender"] for entry in await running.chat()] == ["user", "account"]


@pytest.mark.parametrize("mode", MODES)
async def test_every_mode_in_xml(mode: str) -> None:
    async with rig(says("回执"), mode=mode) as running:
        outcome = await running.say("你好 ]]> <b>")

        assert outcome["replies"][0]["text"] == "回执"
        assert running.product.messages[0].content == "你好 ]]> <b>"
        query = running.product.queries[0]
        assert ("msg_signature" in query) == (mode != "plain")
        assert query.get("encrypt_type", "raw") == ("raw" if mode == "plain" else "aes")
        assert query["openid"] == ALICE.openid
        body = codec.from_xml(running.product.bodies[0])
        assert ("Content" in body) == (mode != "safe")
        assert ("Encrypt" in body) == (mode != "plain")


async def test_json_in_plain_mode() -> None:
    async def hook(message: Any, request: web.Request) -> str:
        reply = {"ToUserName": message["FromUserName"], "FromUserName": message["ToUserName"]}
        body = {**reply, "CreateTime": message["CreateTime"], "MsgType": "text", "Content": "好"}
        return codec.to_json(body).decode()

    async with rig(hook, format="json") as running:
        assert (await running.say("查电费"))["replies"][0]["text"] == "好"
        assert isinstance(running.product.messages[0]["MsgId"], int)


@pytest.mark.parametrize("tampered", [False, True])
async def test_a_safe_reply_in_json(tampered: bool) -> None:
    """A JSON reply in safe mode is {Encrypt, MsgSignature, TimeStamp, Nonce}, as the document's sample."""
    owner = account(mode="safe", format="json")

    async def answer(request: web.Request) -> web.Response:
        envelope = codec.from_json(await request.read())
        key, stamped, nonce = owner.encoding_aes_key, request.query["timestamp"], request.query["nonce"]
        pushed = codec.from_json(codec.decrypt(key, APPID, envelope["Encrypt"]))
        parties = {"ToUserName": pushed["FromUserName"], "FromUserName": pushed["ToUserName"]}
        reply = {**parties, "CreateTime": int(stamped), "MsgType": "text", "Content": pushed["Content"] + "！"}
        sealed = codec.encrypt(key, APPID, codec.to_json(reply))
        signed = codec.signature("forged" if tampered else owner.token, stamped, nonce, sealed)
        fields = {"Encrypt": sealed, "MsgSignature": signed, "TimeStamp": int(stamped), "Nonce": nonce}
        return web.json_response(fields)

    async with rig(mode="safe", format="json") as running:
        running.product.override = answer
        outcome = await running.say("你好")

        assert outcome["fault"] == tampered
        assert [reply["text"] for reply in outcome["replies"]] == ([] if tampered else ["你好！"])


@pytest.mark.parametrize("answer", ["", "success", " success\n"])
@pytest.mark.parametrize("mode", MODES)
async def test_silence(answer: str, mode: str) -> None:
    async def hook(message: Any, request: web.Request) -> str:
        return answer

    async with rig(hook, mode=mode) as running:
        outcome = await running.say("hi")

        assert (outcome["silent"], outcome["fault"], outcome["attempts"]) == (True, False, 1)
        assert len(await running.chat()) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "hello",
        '{"ok": true}',
        "<xml></xml>",
        "<xml><MsgType>text</MsgType></xml>",
        "<xml><ToUserName>{to}</ToUserName><FromUserName>{by}</FromUserName><CreateTime>1</CreateTime>"
        "<MsgType>poem</MsgType></xml>",
        "<xml><ToUserName>other</ToUserName><FromUserName>{by}</FromUserName><CreateTime>1</CreateTime>"
        "<MsgType>text</MsgType><Content>x</Content></xml>",
        "<xml><ToUserName>{to}</ToUserName><FromUserName>{by}</FromUserName><CreateTime>now</CreateTime>"
        "<MsgType>text</MsgType><Content>x</Content></xml>",
        "<xml><ToUserName>{to}</ToUserName><FromUserName>{by}</FromUserName><CreateTime>1</CreateTime>"
        "<MsgType>text</MsgType><Content>a\x08b</Content></xml>",
    ],
)
async def test_anything_else_is_a_fault_the_user_sees(answer: str) -> None:
    async def hook(message: Any, request: web.Request) -> str:
        return answer.replace("{to}", ALICE.openid).replace("{by}", account().original_id)

    async with rig(hook) as running:
        outcome = await running.say("hi")

        assert outcome["fault"]
        assert (await running.chat())[-1] == (await running.chat())[-1] | {"sender": "system", "text": FAULT_TEXT}


async def test_a_server_error_is_a_fault_at_once() -> None:
    async def hook(message: Any, request: web.Request) -> str:
        raise web.HTTPInternalServerError

    async with rig(hook) as running:
        outcome = await running.say("hi")

        assert (outcome["fault"], outcome["attempts"], outcome["statuses"]) == (True, 1, [500])


async def test_a_plain_reply_in_safe_mode_is_a_fault() -> None:
    async with rig(says("明文"), mode="safe") as running:
        running.product.account = account(mode="compat")
        # The product now verifies as in compatible mode and answers in the clear.
        outcome = await running.say("hi")

        assert outcome["fault"]


async def test_a_reply_with_a_time_in_milliseconds_is_warned_of() -> None:
    async def hook(message: Any, request: web.Request) -> str:
        reply = TextReply(content="x", message=message, time=1_714_112_445_000)
        return str(reply.render())

    async with rig(hook) as running:
        outcome = await running.say("hi")

        assert outcome["replies"]
        assert "CreateTime" in outcome["warnings"][0]


async def test_two_thousand_bytes_of_text_at_most() -> None:
    async with rig(says("好" * 682)) as running:
        assert (await running.say("hi"))["replies"]
        running.product.hook = says("好" * 683)
        assert (await running.say("hi"))["fault"]


def _news(count: int) -> Any:
    async def hook(message: Any, request: web.Request) -> str:
        reply = ArticlesReply(message=message)
        for number in range(count):
            reply.add_article({"title": f"第{number}篇", "description": "d", "image": "i", "url": "http://x/"})
        return str(reply.render())

    return hook


@pytest.mark.parametrize(("count", "shown"), [(1, True), (2, False)])
async def test_one_article_answers_a_text(count: int, shown: bool) -> None:
    """More are accepted and shown to nobody (wechat.md §2.1)."""
    async with rig(_news(count)) as running:
        outcome = await running.say("hi")

        assert bool(outcome["replies"]) == shown
        assert outcome["silent"] == (not shown)
        assert not outcome["fault"]


@pytest.mark.parametrize(("count", "shown"), [(8, True), (9, False)])
async def test_eight_articles_answer_an_event(count: int, shown: bool) -> None:
    async with rig(_news(count)) as running:
        outcome = await running.event("CLICK", key="NEWS")

        assert bool(outcome["replies"]) == shown


async def test_other_kinds_of_reply_are_read() -> None:
    async def hook(message: Any, request: web.Request) -> str:
        kind = ImageReply(media_id="m1", message=message)
        if message.content == "人工":
            return str(TransferCustomerServiceReply(message=message).render())
        return str(kind.render())

    async with rig(hook) as running:
        assert (await running.say("图"))["replies"][0]["media_id"] == "m1"
        assert (await running.say("人工"))["replies"][0]["msgtype"] == "transfer_customer_service"


# --- five seconds, three deliveries --------------------------------------------------------------------------------


def _hangs(times: int, answer: str = "迟到") -> tuple[Any, list[asyncio.Event]]:
    """A product whose first `times` deliveries wait for ever."""
    count = itertools.count(1)
    gates: list[asyncio.Event] = []

    async def hook(message: Any, request: web.Request) -> str:
        if next(count) <= times:
            gate = asyncio.Event()
            gates.append(gate)
            await gate.wait()
        return str(TextReply(content=answer, message=message).render())

    return hook, gates


async def test_an_unanswered_push_is_delivered_again_bit_by_bit() -> None:
    hook, gates = _hangs(1)
    async with rig(hook, mode="safe") as running:
        saying = asyncio.create_task(running.say("hi"))
        await running.in_flight(1)
        await running.clock.advance(4.9)
        assert len(running.product.queries) == 1
        await running.clock.advance(0.2)
        outcome = await saying

        assert outcome["attempts"] == 2
        assert outcome["replies"][0]["text"] == "迟到"
        first, second = running.product.queries
        assert first == second
        assert running.product.bodies[0] == running.product.bodies[1]
        gates[0].set()


async def test_three_deliveries_then_the_user_sees_the_fault() -> None:
    hook, gates = _hangs(9)
    async with rig(hook) as running:
        saying = asyncio.create_task(running.say("hi"))
        for delivery in (1, 2, 3):
            await running.in_flight(delivery)
            await running.clock.advance(5.1)
        outcome = await saying

        assert (outcome["attempts"], outcome["fault"], outcome["statuses"]) == (3, True, [0, 0, 0])
        assert (await running.chat())[-1]["text"] == FAULT_TEXT
        for gate in gates:
            gate.set()


async def test_the_third_delivery_brings_an_answer_of_eleven_seconds() -> None:
    """A handler that ends at t+11.5 s is heard, because the third connection is still open."""
    shared = asyncio.Event()

    async def hook(message: Any, request: web.Request) -> str:
        await shared.wait()
        return str(TextReply(content="十一秒", message=message).render())

    async with rig(hook) as running:
        saying = asyncio.create_task(running.say("hi"))
        for delivery in (1, 2):
            await running.in_flight(delivery)
            await running.clock.advance(5.0)
        await running.in_flight(3)
        await running.clock.advance(1.5)
        shared.set()
        outcome = await saying

        assert (outcome["attempts"], outcome["replies"][0]["text"]) == (3, "十一秒")


async def test_copies_are_identical_and_the_first_answer_wins() -> None:
    async with rig(says("一次")) as running:
        outcome = await running.say("hi", copies=3)

        assert len(running.product.queries) == 3
        assert len({query["nonce"] for query in running.product.queries}) == 1
        assert len(outcome["replies"]) == 1


async def test_nobody_listening_is_a_fault_after_three_tries() -> None:
    async with rig() as running:
        await running.post("/_sim/plan", {"accounts": [{"appid": APPID, "webhook_url": "http://127.0.0.1:9/"}]})
        outcome = await running.say("hi")

        assert (outcome["attempts"], outcome["fault"]) == (3, True)


# --- messages and events --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(MESSAGE_FIELDS))
async def test_wechatpy_knows_every_message_we_push(kind: str) -> None:
    async with rig() as running:
        await running.post("/_sim/event", {"openid": ALICE.openid, "msgtype": kind, "recognition": "交电费"})

        assert running.product.messages[0].type == kind
        if kind == "voice":
            assert running.product.messages[0].recognition == "交电费"


@pytest.mark.parametrize("kind", sorted(EVENTS))
async def test_wechatpy_knows_every_event_we_push(kind: str) -> None:
    async with rig() as running:
        outcome = await running.event(kind, key="K1", scan_result="https://x/q", msgid=7)

        assert outcome["silent"]
        assert type(running.product.messages[0]).__name__ != "UnknownMessage"
        assert codec.from_xml(running.product.bodies[0])["Event"] == kind


@pytest.mark.parametrize("wire", ["xml", "json"])
@pytest.mark.parametrize("count", [1, 2])
async def test_subscription_events_have_an_object_or_an_array(wire: str, count: int) -> None:
    items = [{"TemplateId": f"T{n}", "SubscribeStatusString": "accept", "PopupScene": 0} for n in range(count)]
    async with rig(format=wire) as running:
        await running.event("subscribe_msg_popup_event", list=items)

        if wire == "json":
            listed = running.product.messages[0]["List"]
        else:
            listed = codec.from_xml(running.product.bodies[0])[SUBSCRIPTION_EVENTS["subscribe_msg_popup_event"]]["List"]
        first = listed[0] if isinstance(listed, list) else listed
        assert isinstance(listed, dict if count == 1 else list)
        assert first["PopupScene"] == "0"
        chat = await running.get(f"/_sim/chat/{ALICE.openid}")
        assert chat["grants"] == {f"T{n}": 1 for n in range(count)}


async def test_an_unknown_event_carries_its_fields() -> None:
    async with rig() as running:
        await running.event("card_pay_order", fields={"OrderId": "404091456"})

        assert codec.from_xml(running.product.bodies[0])["OrderId"] == "404091456"


async def test_a_template_result_is_no_conversation() -> None:
    async with rig(says("不该出现")) as running:
        outcome = await running.event("TEMPLATESENDJOBFINISH", msgid=5)

        assert not outcome["replies"]
        assert all(entry["sender"] == "user" for entry in await running.chat())


async def test_a_fault_in_a_machines_event_is_not_shown() -> None:
    async def hook(message: Any, request: web.Request) -> str:
        return "not xml"

    async with rig(hook) as running:
        assert (await running.event("LOCATION"))["fault"]
        assert [entry["sender"] for entry in await running.chat()] == ["user"]


async def test_following_with_a_scene_and_leaving() -> None:
    async with rig(says("欢迎")) as running:
        code = await running.call(
            "/cgi-bin/qrcode/create",
            {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "table8"}}},
        )
        scanned = await running.post("/_sim/scan", {"openid": BOB.openid, "url": code["url"]})
        assert scanned["replies"][0]["text"] == "欢迎"
        first = codec.from_xml(running.product.bodies[0])
        assert (first["Event"], first["EventKey"]) == ("subscribe", "qrscene_table8")
        assert first["Ticket"] == code["ticket"]

        await running.post("/_sim/scan", {"openid": BOB.openid, "url": code["ticket"]})
        again = codec.from_xml(running.product.bodies[1])
        assert (again["Event"], again["EventKey"]) == ("SCAN", "table8")

        await running.post("/_sim/event", {"openid": BOB.openid, "event": "unsubscribe"})
        info = await running.call("/cgi-bin/user/info", openid=BOB.openid)
        assert info == {"subscribe": 0, "openid": BOB.openid, "unionid": "uBOB"}


async def test_the_address_check_wants_the_echo_verbatim() -> None:
    async with rig(mode="safe") as running:
        assert (await running.post("/_sim/verify", {}))["ok"]

        async def quoted(request: web.Request) -> web.Response:
            return web.Response(text=f'"{request.query["echostr"]}"')

        running.product.override = quoted
        assert not (await running.post("/_sim/verify", {}))["ok"]


async def test_the_control_interface_says_what_is_wrong() -> None:
    async with rig() as running:
        unknown = await running.post("/_sim/say", {"openid": "nobody", "text": "hi"})
        assert "openid" in unknown["error"]
        stranger = await running.post("/_sim/say", {"openid": BOB.openid, "text": "hi"})
        assert "follow" in stranger["error"]
        assert "error" in await running.post("/_sim/event", {"openid": ALICE.openid, "msgtype": "poem"})
        assert "error" in await running.post("/_sim/plan", {"colour": "green"})
        assert "error" in await running.post("/_sim/faults", {"earthquake": 1})


async def test_a_person_has_an_openid_of_its_own_at_each_account() -> None:
    second = account()
    plan = WeChatPlan(accounts=(second,), users=(ALICE,))
    async with rig(plan=plan) as running:
        other = {"appid": "wx00000000000000b2", "secret": "s2", "token": "tok", "original_id": "gh_b2"}
        await running.post("/_sim/plan", {"accounts": [other]})
        listed = (await running.get("/_sim/users"))["users"][0]["openids"]

        assert listed[APPID] == ALICE.openid
        assert listed[other["appid"]] != ALICE.openid
        assert len(listed[other["appid"]]) == 28


async def test_message_ids_and_the_log_of_pushes() -> None:
    async with rig() as running:
        ids = {(await running.say("hi"))["msgid"] for _ in range(5)}

        assert len(ids) == 5
        assert (await running.get("/_sim/quotas"))["pushes"]["text"] == 5
