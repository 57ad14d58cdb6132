"""Every push of a mini-program, in XML and in JSON, read into the same value; what is unknown is kept raw."""

from typing import Any

import pytest

from bot.channels.miniprogram.inbound import to_event
from bot.channels.miniprogram.messages import (
    MediaChecked,
    MiniMessage,
    PageMessage,
    SessionEntered,
    TradeManaged,
)
from bot.channels.miniprogram.reading import EVENTS, read_message
from bot.channels.official.messages import (
    Grant,
    GrantsAsked,
    GrantsChanged,
    Head,
    ImageMessage,
    NoticeSent,
    NoticesSent,
    RawEvent,
    RawMessage,
    TextMessage,
)
from bot.channels.wire import jsontext, xmltext
from bot.channels.wire.fields import Misshapen
from bot.channels.wire.push import Format
from bot.dialogue.event import Followed, Happening, Noted, Pictured, Said, Scanned
from tests.channels.miniprogram.rig import body_of, happening, message, words
from tests.channels.samples import GH_ID, OPENID, STAMP

HEAD = Head(GH_ID, OPENID, int(STAMP))
BIG = "7465918242190921728"  # Above 2**53: a float would round it.
TRADE = {
    "transaction_id": "4200000012345678901234567890",
    "merchant_id": "1900000109",
    "sub_merchant_id": "1900000110",
    "merchant_trade_no": "P20261124000000abcdefghijklm",
    "pay_time": "1715943000",
}


def read(fields: dict[str, Any], form: Format) -> MiniMessage:
    body = body_of(fields, form)
    return read_message(xmltext.parse(body) if form is Format.XML else jsontext.parse(body))


def _trade(step: Any, *values: str) -> TradeManaged:
    names = TradeManaged.__slots__[2:]
    return TradeManaged(HEAD, step, **dict(zip(names, values, strict=True)))


SAMPLES: list[tuple[dict[str, Any], MiniMessage, Happening]] = [
    (words("交物业费", BIG), TextMessage(Head(GH_ID, OPENID, int(STAMP), BIG), "交物业费"), Said("交物业费")),
    (
        message("image", MediaId="m", PicUrl="https://a.example/"),
        ImageMessage(HEAD, "m", "https://a.example/"),
        Pictured("m", "https://a.example/"),
    ),
    (
        message("miniprogrampage", Title="物业", AppId="wx1", PagePath="pages/pay?scene=pay_property", ThumbUrl=""),
        PageMessage(HEAD, "物业", "wx1", "pages/pay?scene=pay_property"),
        Scanned("pay_property"),
    ),
    (
        message("miniprogrampage", Title="查电费", AppId="wx1", PagePath="pages/a?scene=other"),
        PageMessage(HEAD, "查电费", "wx1", "pages/a?scene=other"),
        Said("查电费"),
    ),
    (happening("user_enter_tempsession", SessionFrom="x"), SessionEntered(HEAD, "x"), Followed()),
    (
        happening("user_enter_tempsession", SessionFrom="query_property"),
        SessionEntered(HEAD, "query_property"),
        Scanned("query_property"),
    ),
    (
        happening(
            "wxa_media_check",
            appid="wx1",
            trace_id="967e945cd8a3e458f3c74dcb886068e9",
            version="2",
            result={"suggest": "risky", "label": "20001"},
            errcode="0",
        ),
        MediaChecked(HEAD, "967e945cd8a3e458f3c74dcb886068e9", "risky", "20001", "0"),
        Noted(
            "media_checked",
            {
                "check_id": "967e945cd8a3e458f3c74dcb886068e9",
                "suggest": "risky",
                "label": "20001",
                "error_code": "0",
            },
        ),
    ),
    (
        happening("trade_manage_remind_shipping", **TRADE, msg="shipping"),
        _trade("trade_manage_remind_shipping", *TRADE.values(), *[""] * 5),
        Noted("trade_manage_remind_shipping", TRADE),
    ),
    (
        happening(
            "trade_manage_order_settlement",
            **TRADE,
            shipped_time="1715943100",
            estimated_settlement_time="1716547900",
            confirm_receive_method="2",
            confirm_receive_time="1715943200",
            settlement_time="1715943300",
        ),
        _trade(
            "trade_manage_order_settlement",
            *TRADE.values(),
            "1715943100",
            "1716547900",
            "2",
            "1715943200",
            "1715943300",
        ),
        Noted(
            "trade_manage_order_settlement",
            {
                **TRADE,
                "shipped_time": "1715943100",
                "estimated_settlement_time": "1716547900",
                "confirm_receive_method": "2",
                "confirm_receive_time": "1715943200",
                "settlement_time": "1715943300",
            },
        ),
    ),
    (
        happening("trade_manage_remind_access_api", msg="x"),
        _trade("trade_manage_remind_access_api", *[""] * 10),
        Noted("trade_manage_remind_access_api", {}),
    ),
    (message("gift", Size="1"), RawMessage(HEAD, "gift", message("gift", Size="1")), Said("")),
    (
        happening("brand_new", Note="x"),
        RawEvent(HEAD, "brand_new", happening("brand_new", Note="x")),
        Noted("brand_new", happening("brand_new", Note="x")),
    ),
]


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize(("fields", "value", "what"), SAMPLES, ids=lambda each: "")
def test_a_push(fields: dict[str, Any], value: MiniMessage, what: Happening, form: Format) -> None:
    found = read(fields, form)

    assert found == value
    event = to_event(found, account="mini", key="k", trace_id="t")
    assert (event.what, event.channel, event.account, event.subject) == (what, "mini", "mini", OPENID)


GRANTS = [
    {"TemplateId": "a", "SubscribeStatusString": "accept", "PopupScene": "0"},
    {"TemplateId": "b", "SubscribeStatusString": "reject", "PopupScene": "0"},
]
SENT = [
    {"TemplateId": "a", "MsgID": BIG, "ErrorCode": "0", "ErrorStatus": "success"},
    {"TemplateId": "b", "MsgID": "2", "ErrorCode": "10234", "ErrorStatus": "refused"},
]


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("name", "wrapper", "entries", "value"),
    [
        ("subscribe_msg_popup_event", "SubscribeMsgPopupEvent", GRANTS, GrantsAsked),
        ("subscribe_msg_change_event", "SubscribeMsgChangeEvent", GRANTS, GrantsChanged),
        ("subscribe_msg_sent_event", "SubscribeMsgSentEvent", SENT, NoticesSent),
    ],
)
def test_a_list_of_one_and_of_several(
    name: str, wrapper: str, entries: list[dict[str, str]], value: type[Any], count: int, form: Format
) -> None:
    """XML repeats the element inside a wrapper; JSON sends an object for one and an array for several."""
    chosen = entries[:count]
    inside = {wrapper: {"List": chosen}} if form is Format.XML else {"List": chosen[0] if count == 1 else chosen}
    found = read(happening(name, **inside), form)

    wanted = (
        tuple(NoticeSent(*each.values()) for each in chosen)
        if value is NoticesSent
        else tuple(Grant(*each.values()) for each in chosen)
    )
    assert found == value(HEAD, wanted)
    event = to_event(found, account="mini", key="k", trace_id="t")
    assert isinstance(event.what, Noted) and event.what.facts[f"{count - 1}.template_id"] == "ab"[count - 1]


def test_every_typed_event_is_sampled() -> None:
    sampled = {fields.get("Event") for fields, _, _ in SAMPLES} | {
        "subscribe_msg_popup_event",
        "subscribe_msg_change_event",
        "subscribe_msg_sent_event",
    }
    assert set(EVENTS) <= sampled


@pytest.mark.parametrize("odd", [{"result": "x"}, {"trace_id": ["1", "2"]}, {"errcode": {"a": "b"}}])
def test_a_known_event_of_another_form_is_kept_raw(odd: dict[str, Any]) -> None:
    fields = happening("wxa_media_check", trace_id="1", result={"suggest": "pass"}, errcode="0")

    assert isinstance(read({**fields, **odd}, Format.JSON), RawEvent)


@pytest.mark.parametrize("name", ["ToUserName", "FromUserName", "CreateTime", "MsgType"])
@pytest.mark.parametrize("value", [None, {"a": "b"}, "<>"])
def test_a_head_that_is_none(name: str, value: object) -> None:
    fields = {**words(), name: value}
    if value is None:
        del fields[name]
    if (name, value) == ("MsgType", "<>"):
        assert isinstance(read(fields, Format.JSON), RawMessage)
        return
    with pytest.raises(Misshapen):
        read(fields, Format.JSON)
