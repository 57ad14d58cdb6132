"""What the account may send on its own: windows, counts, templates and granted subscriptions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.simulators.wechat.windows import Allowance, Quotas, Trigger, Windows
from tests.simulators.wechat_rig import ALICE, APPID, BOB, Rig, rig, until

START = datetime(2025, 11, 23, 8, 0, tzinfo=UTC)
SEND = "/cgi-bin/message/custom/send"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def send(running: Rig, text: str = "收据", openid: str = ALICE.openid) -> int:
    body = {"touser": openid, "msgtype": "text", "text": {"content": text}}
    return int((await running.call(SEND, body))["errcode"])


@pytest.mark.parametrize(
    ("trigger", "count", "seconds"),
    [
        (Trigger.MESSAGE, 5, 48 * 3600),
        (Trigger.MENU, 3, 60),
        (Trigger.FOLLOW, 3, 60),
        (Trigger.SCAN, 3, 60),
        (Trigger.PAYMENT, 20, 48 * 3600),
    ],
)
def test_each_trigger_has_its_count_and_time(trigger: Trigger, count: int, seconds: int) -> None:
    windows = Windows()
    assert windows.spend(at(0)) is Allowance.CLOSED
    windows.trigger(trigger, at(0))
    assert [windows.spend(at(1)) for _ in range(count)] == [Allowance.YES] * count
    assert windows.spend(at(1)) is Allowance.USED_UP
    assert windows.spend(at(seconds)) is Allowance.CLOSED


def test_counts_do_not_add_up() -> None:
    windows = Windows()
    windows.trigger(Trigger.MESSAGE, at(0))
    windows.trigger(Trigger.MESSAGE, at(1))
    assert windows.view(at(2)) == {"message": 5}


def test_the_window_that_ends_first_is_spent_first() -> None:
    windows = Windows()
    windows.trigger(Trigger.MESSAGE, at(0))
    windows.trigger(Trigger.MENU, at(0))
    windows.spend(at(1))
    assert windows.view(at(1)) == {"message": 5, "menu": 2}


def test_a_quota_is_counted_by_chinese_days() -> None:
    quotas = Quotas()
    late = datetime(2025, 11, 23, 15, 59, tzinfo=UTC)
    assert quotas.spend("/p", 1, late)
    assert not quotas.spend("/p", 1, late)
    assert quotas.spend("/p", 1, late + timedelta(minutes=1))


async def test_five_messages_after_a_message() -> None:
    async with rig() as running:
        assert await send(running) == 45015
        await running.say("hi")
        assert [await send(running) for _ in range(6)] == [0, 0, 0, 0, 0, 45047]
        await running.clock.advance(48 * 3600)
        assert await send(running) == 45015


@pytest.mark.parametrize(("event", "count"), [("CLICK", 3), ("SCAN", 3), ("subscribe", 3), ("pay_success", 20)])
async def test_events_open_windows(event: str, count: int) -> None:
    async with rig() as running:
        await running.event(event, key="K")
        codes = [await send(running) for _ in range(count + 1)]

        assert codes == [0] * count + [45047]
        assert len(running.product.messages) == (0 if event == "pay_success" else 1)


async def test_a_tap_on_a_line_counts_as_a_menu_click() -> None:
    async with rig() as running:
        await running.say("交物业费", menuid="101")
        assert [await send(running) for _ in range(4)] == [0, 0, 0, 45047]
        assert b"<bizmsgmenuid><![CDATA[101]]></bizmsgmenuid>" in running.product.bodies[0]


async def test_who_left_or_blocks_gets_nothing() -> None:
    async with rig() as running:
        await running.say("hi")
        await running.post("/_sim/faults", {"block": ALICE.openid})
        assert await send(running) == 48002
        await running.post("/_sim/faults", {"unblock": ALICE.openid})
        assert await send(running) == 0
        await running.event("unsubscribe")
        assert await send(running) == 45015
        assert await send(running, openid="oNOBODY") == 40003


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"msgtype": "text", "text": {"content": ""}}, 44004),
        ({"msgtype": "text", "text": {"content": "好" * 683}}, 45002),
        ({"msgtype": "text"}, 47001),
        ({"msgtype": "poem", "poem": {}}, 40008),
        ({"msgtype": "image", "image": {"media_id": "x"}}, 40007),
        ({"msgtype": "news", "news": {"articles": [{"title": "a"}, {"title": "b"}]}}, 45008),
        ({"msgtype": "news", "news": {"articles": []}}, 47001),
        ({"msgtype": "news", "news": {"articles": [{"title": "a", "url": "http://x/", "picurl": ""}]}}, 0),
        ({"msgtype": "msgmenu", "msgmenu": {"head_content": "选", "list": [{"id": "1", "content": "物业"}]}}, 0),
        ({"msgtype": "msgmenu", "msgmenu": {"list": [{"id": "1"}]}}, 47001),
    ],
)
async def test_messages_are_checked_before_they_count(body: dict[str, Any], errcode: int) -> None:
    async with rig() as running:
        await running.say("hi")
        assert (await running.call(SEND, {"touser": ALICE.openid, **body}))["errcode"] == errcode
        left = (await running.get(f"/_sim/chat/{ALICE.openid}"))["windows"]["message"]
        assert left == (4 if errcode == 0 else 5)


async def test_typing() -> None:
    async with rig() as running:
        path, body = "/cgi-bin/message/custom/typing", {"touser": ALICE.openid, "command": "Typing"}
        assert (await running.call(path, body))["errcode"] == 45080
        await running.say("hi")
        assert (await running.call(path, body))["errcode"] == 0
        assert (await running.call(path, body))["errcode"] == 45081
        assert (await running.call(path, {**body, "command": "CancelTyping"}))["errcode"] == 0
        assert (await running.call(path, {**body, "command": "Dance"}))["errcode"] == 45072
        await running.clock.advance(31)
        assert (await running.call(path, body))["errcode"] == 45080


# --- templates and subscriptions ------------------------------------------------------------------------------------

TEMPLATE = {
    "template_id": "T1",
    "title": "缴费成功通知",
    "content": "项目：{{thing1.DATA}}\n金额：{{amount2.DATA}}\n谢谢",
}


async def _with_template(running: Rig) -> None:
    await running.post("/_sim/plan", {"accounts": [{"appid": APPID, "templates": [TEMPLATE]}]})


def _message(**changes: Any) -> dict[str, Any]:
    data = {"thing1": {"value": "物业费"}, "amount2": {"value": "286.50元"}}
    return {"touser": ALICE.openid, "template_id": "T1", "url": "http://127.0.0.1/r", "data": data, **changes}


async def _pushed(running: Rig, count: int) -> Any:
    await until(lambda: len(running.product.messages) >= count)
    return running.product.messages[count - 1]


@pytest.mark.parametrize(
    ("fault", "status", "shown"),
    [
        ({}, "success", 1),
        ({"block": ALICE.openid}, "failed:user block", 0),
        ({"template_status": "failed: system failed"}, "failed: system failed", 0),
    ],
)
async def test_a_template_and_its_result(fault: dict[str, str], status: str, shown: int) -> None:
    async with rig() as running:
        await _with_template(running)
        await running.post("/_sim/faults", fault)
        answer = await running.call("/cgi-bin/message/template/send", _message())
        result = await _pushed(running, 1)

        assert answer["errcode"] == 0
        assert result._data["Status"] == status
        assert int(result._data["MsgID"]) == answer["msgid"]
        cards = [entry for entry in await running.chat() if entry["via"] == "template"]
        assert len(cards) == shown
        if shown:
            assert cards[0]["title"] == "缴费成功通知"
            assert cards[0]["rows"][0] == {"label": "项目", "value": "物业费"}
            assert cards[0]["rows"][2] == {"label": "", "value": "谢谢"}


@pytest.mark.parametrize(
    ("change", "errcode", "words"),
    [
        ({"template_id": "T9"}, 40037, "invalid template_id"),
        ({"touser": "oNOBODY"}, 40003, "invalid openid"),
        ({"touser": BOB.openid}, 43004, "require subscribe"),
        ({"data": {"thing1": {"value": ""}}}, 47003, "argument invalid! data.thing1.value is empty"),
        ({"data": {"thing1": {"value": "字" * 21}}}, 47003, "data.thing1.value invalid"),
        ({"data": {}}, 47003, "data is empty"),
    ],
)
async def test_templates_are_checked(change: dict[str, Any], errcode: int, words: str) -> None:
    async with rig() as running:
        await _with_template(running)
        answer = await running.call("/cgi-bin/message/template/send", _message(**change))

        assert answer["errcode"] == errcode
        assert words in answer["errmsg"]


async def test_each_grant_is_good_for_one_notice() -> None:
    path = "/cgi-bin/message/subscribe/bizsend"
    accepted = [{"TemplateId": "T1", "SubscribeStatusString": "accept", "PopupScene": "0"}]
    rejected = [{"TemplateId": "T1", "SubscribeStatusString": "reject", "PopupScene": "0"}]
    async with rig() as running:
        assert (await running.call(path, _message()))["errcode"] == 43101
        await running.event("subscribe_msg_popup_event", list=rejected)
        assert (await running.call(path, _message()))["errcode"] == 43101
        await running.event("subscribe_msg_popup_event", list=accepted)
        await running.event("subscribe_msg_popup_event", list=accepted)
        codes = [(await running.call(path, _message()))["errcode"] for _ in range(3)]
        assert codes == [0, 0, 43101]
        results = [await _pushed(running, count) for count in (4, 5)]
        assert all(b"subscribe_msg_sent_event" in body for body in running.product.bodies[3:])
        assert len(results) == 2


async def test_grants_are_refused_on_demand_and_withdrawn() -> None:
    path = "/cgi-bin/message/subscribe/bizsend"
    async with rig() as running:
        await running.post("/_sim/users", {"openid": ALICE.openid, "grants": {"T1": 3}})
        await running.post("/_sim/faults", {"refuse_subscribe": True})
        assert (await running.call(path, _message()))["errcode"] == 43101
        await running.post("/_sim/faults", {"refuse_subscribe": False})
        assert (await running.call(path, _message()))["errcode"] == 0
        gone = [{"TemplateId": "T1", "SubscribeStatusString": "reject"}]
        await running.event("subscribe_msg_change_event", list=gone)
        assert (await running.call(path, _message()))["errcode"] == 43101
