"""Every message and event of the documents is read into its type and told to the dialogue; the rest is kept raw."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.events import EVENT_TYPES
from wechatpy.messages import MESSAGE_TYPES

from bot.channels.official import messages as m
from bot.channels.official.inbound import to_event
from bot.channels.official.quota import Trigger, trigger_of
from bot.channels.official.reading import EVENTS, MESSAGES, read_message
from bot.channels.wire import jsontext, xmltext
from bot.channels.wire.fields import Misshapen
from bot.dialogue.event import Event, Followed, Happening, Left, Noted, Pictured, Placed, Pressed, Said, Scanned
from bot.kernel.errors import BadRequest, BotError
from tests.channels.samples import GH_ID, OPENID, STAMP, event, xml

HEAD = m.Head(GH_ID, OPENID, int(STAMP))


def head(msg_id: str = "") -> m.Head:
    return m.Head(GH_ID, OPENID, int(STAMP), msg_id)


def tags(**fields: str) -> str:
    return "".join(f"<{name}><![CDATA[{value}]]></{name}>\n" for name, value in fields.items())


def told(message: m.Message) -> Event:
    return to_event(message, account="main", key="k", trace_id="t")


# What came, what it is, what the dialogue hears, and which window it opens (接收普通消息, 接收事件推送).
MESSAGE_CASES: list[tuple[bytes, m.Message, Happening, Trigger | None]] = [
    (
        xml("text", tags(Content=" 交电费 ", MsgId="1")),
        m.TextMessage(head("1"), " 交电费 "),
        Said(" 交电费 "),
        Trigger.MESSAGE,
    ),
    (xml("text", "<Content></Content>"), m.TextMessage(HEAD, ""), Said(""), Trigger.MESSAGE),
    (
        xml("text", tags(Content="1. 电费", MsgId="2", bizmsgmenuid="101")),
        m.TextMessage(head("2"), "1. 电费", "101"),
        Said("1. 电费", "choice"),
        Trigger.CLICK,
    ),
    (
        xml("image", tags(PicUrl="http://mmbiz.qpic.cn/x", MediaId="M", MsgId="3")),
        m.ImageMessage(head("3"), "M", "http://mmbiz.qpic.cn/x"),
        Pictured("M", "http://mmbiz.qpic.cn/x"),
        Trigger.MESSAGE,
    ),
    (
        xml("voice", tags(MediaId="M", Format="amr", Recognition="交水费", MsgId="4")),
        m.VoiceMessage(head("4"), "M", "amr", "交水费"),
        Said("交水费", "voice"),
        Trigger.MESSAGE,
    ),
    (
        xml("voice", tags(MediaId="M", Format="amr", MsgId="4")),
        m.VoiceMessage(head("4"), "M", "amr", ""),
        Said("", "voice"),
        Trigger.MESSAGE,
    ),
    (
        xml("video", tags(MediaId="M", ThumbMediaId="T", MsgId="5")),
        m.VideoMessage(head("5"), "M", "T", short=False),
        Said(""),
        Trigger.MESSAGE,
    ),
    (
        xml("shortvideo", tags(MediaId="M", ThumbMediaId="T", MsgId="6")),
        m.VideoMessage(head("6"), "M", "T", short=True),
        Said(""),
        Trigger.MESSAGE,
    ),
    (
        xml("location", tags(Location_X="23.134521", Location_Y="113.358803", Scale="20", Label="广州", MsgId="7")),
        m.LocationMessage(head("7"), "23.134521", "113.358803", "20", "广州"),
        Placed("23.134521", "113.358803", asked=True),
        Trigger.MESSAGE,
    ),
    (
        xml("link", tags(Title="账单", Description="说明", Url="https://a.example/", MsgId="8")),
        m.LinkMessage(head("8"), "账单", "说明", "https://a.example/"),
        Said("账单"),
        Trigger.MESSAGE,
    ),
]

EVENT_CASES: list[tuple[bytes, m.Message, Happening, Trigger | None]] = [
    (event("subscribe", "<EventKey/>"), m.Subscribed(HEAD, None, "", ""), Followed(), Trigger.FOLLOW),
    (
        event("subscribe", tags(EventKey="qrscene_shop_7", Ticket="T")),
        m.Subscribed(HEAD, "shop_7", "T", "qrscene_shop_7"),
        Scanned("shop_7", first=True),
        Trigger.FOLLOW,
    ),
    (
        event("subscribe", tags(EventKey="last_trade_no_4003752001201412243411221979")),
        m.Subscribed(HEAD, None, "", "last_trade_no_4003752001201412243411221979"),
        Followed(),
        Trigger.FOLLOW,
    ),
    (event("unsubscribe", "<EventKey/>"), m.Unsubscribed(HEAD), Left(), None),
    (
        event("SCAN", tags(EventKey="qrscene_x", Ticket="T")),
        m.ScannedCode(HEAD, "qrscene_x", "T"),
        Scanned("qrscene_x"),
        Trigger.SCAN,
    ),
    (
        event(
            "LOCATION",
            "<Latitude>23.137466</Latitude><Longitude>113.352425</Longitude><Precision>119.385040</Precision>",
        ),
        m.LocationReported(HEAD, "23.137466", "113.352425", "119.385040"),
        Placed("23.137466", "113.352425", asked=False),
        None,
    ),
    (event("CLICK", tags(EventKey="pay")), m.MenuClicked(HEAD, "pay"), Pressed("pay"), Trigger.CLICK),
    (
        event("VIEW", tags(EventKey="https://a.example/", MenuId="9")),
        m.MenuViewed(HEAD, "https://a.example/", "9", in_miniprogram=False),
        Noted("view", {"target": "https://a.example/", "menu_id": "9"}),
        None,
    ),
    (
        event("view_miniprogram", tags(EventKey="pages/index", MenuId="9")),
        m.MenuViewed(HEAD, "pages/index", "9", in_miniprogram=True),
        Noted("view_miniprogram", {"target": "pages/index", "menu_id": "9"}),
        None,
    ),
    (
        event(
            "scancode_push",
            tags(EventKey="6") + f"<ScanCodeInfo>{tags(ScanType='qrcode', ScanResult='1')}</ScanCodeInfo>",
        ),
        m.MenuScanned(HEAD, "6", "qrcode", "1", waiting=False),
        Noted("scancode_push", {"key": "6", "scan_type": "qrcode", "result": "1"}),
        Trigger.CLICK,
    ),
    (
        event(
            "scancode_waitmsg",
            tags(EventKey="6") + f"<ScanCodeInfo>{tags(ScanType='barcode', ScanResult='CODE_128,0123')}</ScanCodeInfo>",
        ),
        m.MenuScanned(HEAD, "6", "barcode", "CODE_128,0123", waiting=True),
        Said("CODE_128,0123"),
        Trigger.CLICK,
    ),
    (
        event(
            "pic_sysphoto",
            tags(EventKey="6")
            + "<SendPicsInfo><Count>1</Count><PicList><item><PicMd5Sum><![CDATA[ab]]></PicMd5Sum></item>"
            + "</PicList></SendPicsInfo>",
        ),
        m.MenuPictured(HEAD, "pic_sysphoto", "6", ("ab",)),
        Noted("pic_sysphoto", {"key": "6", "count": "1"}),
        None,
    ),
    (
        event(
            "pic_photo_or_album",
            tags(EventKey="6")
            + "<SendPicsInfo><Count>2</Count><PicList><item><PicMd5Sum>a</PicMd5Sum></item>"
            + "<item><PicMd5Sum>b</PicMd5Sum></item></PicList></SendPicsInfo>",
        ),
        m.MenuPictured(HEAD, "pic_photo_or_album", "6", ("a", "b")),
        Noted("pic_photo_or_album", {"key": "6", "count": "2"}),
        None,
    ),
    (
        event("pic_weixin", tags(EventKey="6") + "<SendPicsInfo><Count>0</Count><PicList/></SendPicsInfo>"),
        m.MenuPictured(HEAD, "pic_weixin", "6", ()),
        Noted("pic_weixin", {"key": "6", "count": "0"}),
        None,
    ),
    (
        event(
            "location_select",
            tags(EventKey="6")
            + "<SendLocationInfo>"
            + tags(Location_X="23", Location_Y="113", Scale="15", Label="广州", Poiname="")
            + "</SendLocationInfo>",
        ),
        m.MenuPlaced(HEAD, "6", "23", "113", "广州", ""),
        Noted("location_select", {"key": "6", "latitude": "23", "longitude": "113", "label": "广州"}),
        None,
    ),
    (
        event("TEMPLATESENDJOBFINISH", "<MsgID>200163836</MsgID>" + tags(Status="failed:user block")),
        m.TemplateFinished(head("200163836"), "failed:user block"),
        Noted("template_finished", {"msg_id": "200163836", "status": "failed:user block"}),
        None,
    ),
    (
        event(
            "MASSSENDJOBFINISH",
            "<MsgID>1</MsgID>"
            + tags(Status="send success")
            + "<TotalCount>100</TotalCount><FilterCount>80</FilterCount><SentCount>75</SentCount>"
            + "<ErrorCount>5</ErrorCount>",
        ),
        m.MassFinished(head("1"), "send success", 100, 80, 75, 5),
        Noted("mass_finished", {"msg_id": "1", "status": "send success", "total": "100", "sent": "75", "errors": "5"}),
        None,
    ),
    (
        event("kf_create_session", tags(KfAccount="a@b")),
        m.StaffSession(HEAD, "kf_create_session", "a@b"),
        Noted("kf_create_session", {"staff": "a@b", "to_staff": ""}),
        None,
    ),
    (
        event("kf_close_session", tags(KfAccount="a@b")),
        m.StaffSession(HEAD, "kf_close_session", "a@b"),
        Noted("kf_close_session", {"staff": "a@b", "to_staff": ""}),
        None,
    ),
    (
        event("kf_switch_session", tags(FromKfAccount="a@b", ToKfAccount="c@b")),
        m.StaffSession(HEAD, "kf_switch_session", "a@b", "c@b"),
        Noted("kf_switch_session", {"staff": "a@b", "to_staff": "c@b"}),
        None,
    ),
]

POPUP = (
    "<SubscribeMsgPopupEvent><List>"
    + tags(TemplateId="VRR0", SubscribeStatusString="accept", PopupScene="2")
    + "</List><List>"
    + tags(TemplateId="9nLI", SubscribeStatusString="reject", PopupScene="2")
    + "</List></SubscribeMsgPopupEvent>"
)


def read(body: bytes) -> m.Message:
    return read_message(xmltext.parse(body))


@pytest.mark.parametrize(("body", "message", "happening", "trigger"), MESSAGE_CASES + EVENT_CASES)
def test_documented_kinds(body: bytes, message: m.Message, happening: Happening, trigger: Trigger | None) -> None:
    assert read(body) == message
    assert told(message) == Event(
        "k", "official", "main", OPENID, datetime.fromtimestamp(int(STAMP), UTC), "t", happening
    )
    assert trigger_of(message) == trigger


def test_every_reader_has_a_case() -> None:
    seen = set()
    for body, *_ in MESSAGE_CASES + EVENT_CASES:
        fields = xmltext.parse(body)
        seen.add(str(fields.get("Event", fields["MsgType"])).lower())
    tested_below = {
        "subscribe_msg_popup_event",
        "subscribe_msg_change_event",
        "subscribe_msg_sent_event",
        "user_info_modified",
        "user_authorization_revoke",
        "user_authorization_cancellation",
    }

    assert (set(EVENTS) | set(MESSAGES)) - seen == tested_below


# --- subscribe messages ---------------------------------------------------------------------------------------------


def test_grants_in_xml() -> None:
    message = read(event("subscribe_msg_popup_event", POPUP))

    assert message == m.GrantsAsked(HEAD, (m.Grant("VRR0", "accept", "2"), m.Grant("9nLI", "reject", "2")))
    assert told(message).what == Noted(
        "grants_asked",
        {"0.template_id": "VRR0", "0.status": "accept", "1.template_id": "9nLI", "1.status": "reject"},
    )


@pytest.mark.parametrize("wrapper", ["SubscribeMsgChangeEvent", "SubscribeMsgPopupEvent"])
def test_changed_grants_under_either_name(wrapper: str) -> None:
    """The document's own sample wraps the change as a pop-up."""
    inside = tags(TemplateId="VRR0", SubscribeStatusString="reject")

    message = read(event("subscribe_msg_change_event", f"<{wrapper}><List>{inside}</List></{wrapper}>"))

    assert message == m.GrantsChanged(HEAD, (m.Grant("VRR0", "reject"),))


def json_event(**fields: object) -> m.Message:
    whole = {"ToUserName": GH_ID, "FromUserName": OPENID, "CreateTime": STAMP, "MsgType": "event", **fields}
    return read_message(jsontext.parse(json.dumps(whole).encode()))


GRANT = {"TemplateId": "BEwX", "SubscribeStatusString": "reject", "PopupScene": "0"}


@pytest.mark.parametrize(
    ("fields", "count"),
    [({"List": GRANT}, 1), ({"List": [GRANT, GRANT]}, 2), ({"SubscribeMsgChangeEvent": [GRANT]}, 1), ({"List": []}, 0)],
)
def test_grants_in_json_are_an_object_or_an_array(fields: dict[str, object], count: int) -> None:
    message = json_event(Event="subscribe_msg_change_event", **fields)

    assert message == m.GrantsChanged(HEAD, (m.Grant("BEwX", "reject", "0"),) * count)


def test_sent_notices_in_both_formats() -> None:
    sent = {"TemplateId": "VRR0", "MsgID": "1700827132819554304", "ErrorCode": "0", "ErrorStatus": "success"}
    expected = m.NoticesSent(HEAD, (m.NoticeSent("VRR0", "1700827132819554304", "0", "success"),))

    inside = f"<SubscribeMsgSentEvent><List>{tags(**sent)}</List></SubscribeMsgSentEvent>"
    assert read(event("subscribe_msg_sent_event", inside)) == expected
    in_json = json_event(Event="subscribe_msg_sent_event", List={**sent, "MsgID": 1700827132819554304, "ErrorCode": 0})
    assert in_json == expected
    assert told(expected).what == Noted(
        "notices_sent", {"0.template_id": "VRR0", "0.msg_id": "1700827132819554304", "0.error_code": "0"}
    )


# --- authorization: the sender is not the customer ------------------------------------------------------------------


@pytest.mark.parametrize("step", ["user_info_modified", "user_authorization_revoke", "user_authorization_cancellation"])
def test_authorization_changes_are_about_the_openid_inside(step: str) -> None:
    message = read(event(step, tags(OpenID="oaKk343WOktAaT2ygsX138BGblrg", AppID="wx13", RevokeInfo="201")))

    assert isinstance(message, m.AuthorizationChanged) and message.step == step
    assert told(message).subject == "oaKk343WOktAaT2ygsX138BGblrg"
    assert told(message).what == Noted(step, {"app_id": "wx13", "revoked": "201"})


# --- what is unknown ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(MESSAGE_TYPES))
def test_every_message_that_wechatpy_knows_is_typed_or_raw(kind: str) -> None:
    message = read(xml(kind, tags(Anything="x")))

    assert isinstance(message, m.RawMessage) and message.fields["Anything"] == "x"
    assert isinstance(told(message).what, Said)


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
@pytest.mark.parametrize("case", [str, str.upper])
def test_every_event_that_wechatpy_knows_is_typed_or_raw(name: str, case: type) -> None:
    message = read(event(case(name), tags(EventKey="x", CardId="pF")))

    assert isinstance(told(message).what, Happening)
    if isinstance(message, m.RawEvent):
        assert message.event == name and message.fields["CardId"] == "pF"
        assert told(message).what == Noted(name, told(message).what.facts)  # type: ignore[union-attr]
    else:
        assert name in EVENTS


def test_what_wechatpy_knows_and_we_keep_raw() -> None:
    """So that a kind that we type later, or lose, is noticed. wechatpy derives the two ``subscribe_…`` from a key."""
    derived = {"subscribe_scan", "subscribe_scan_product"}

    assert {"text", "image", "voice", "video", "shortvideo", "location", "link"} == set(MESSAGE_TYPES) - {
        "miniprogrampage"
    }
    assert set(EVENT_TYPES) & set(EVENTS) == {
        *("subscribe", "unsubscribe", "scan", "location", "click", "view", "view_miniprogram"),
        *("scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin", "location_select"),
        *("templatesendjobfinish", "masssendjobfinish", "kf_create_session", "kf_close_session", "kf_switch_session"),
    }
    assert derived <= set(EVENT_TYPES)


@pytest.mark.parametrize(
    "body",
    [
        xml("text", "<Content><a>1</a></Content>"),
        xml("text", "<Content>1</Content><Content>2</Content>"),
        xml("text"),
        xml("device_event", tags(Event="bind", DeviceType="gh", DeviceID="1")),
    ],
)
def test_a_message_of_another_form_is_kept_raw(body: bytes) -> None:
    assert isinstance(read(body), m.RawMessage)


@pytest.mark.parametrize(
    "body",
    [
        event("CLICK"),
        event("scancode_waitmsg", "<ScanCodeInfo>x</ScanCodeInfo>"),
        event("MASSSENDJOBFINISH", tags(Status="send success", TotalCount="many")),
        event("MASSSENDJOBFINISH", tags(Status="send success", TotalCount="１")),
        event("subscribe_msg_popup_event", "<SubscribeMsgPopupEvent><List>x</List></SubscribeMsgPopupEvent>"),
    ],
)
def test_an_event_of_another_form_is_kept_raw(body: bytes) -> None:
    message = read(body)

    assert isinstance(message, m.RawEvent) and isinstance(told(message).what, Noted)


def test_a_raw_event_tells_a_bounded_number_of_facts() -> None:
    message = read(event("brand_new", "".join(f"<F{n}>{'x' * 900}</F{n}>" for n in range(100))))
    what = told(message).what

    assert isinstance(what, Noted) and what.kind == "brand_new"
    assert len(what.facts) == 40 and max(map(len, what.facts.values())) == 500


@pytest.mark.parametrize(
    "body",
    [
        b"<xml><A>1</A></xml>",
        xml("text", at=""),
        xml("text", at="1715943330000"),
        xml("text", at="-1"),
        xml("text", at="1e9"),
        xml("text", sender=""),
        xml("text", sender="o 1"),
        xml("text", sender="o" * 129),
        xml("text", "<FromUserName>other</FromUserName>"),
        xml("event"),
        xml("event", "<Event><a/></Event>"),
    ],
)
def test_a_message_without_a_head_is_refused(body: bytes) -> None:
    with pytest.raises(Misshapen) as caught:
        read(body)

    assert caught.value.http_status == 400 and isinstance(caught.value, BadRequest)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "ToUserName",
                "FromUserName",
                "CreateTime",
                "MsgType",
                "Event",
                "EventKey",
                "Content",
                "List",
                "MsgId",
                "ScanCodeInfo",
                "SendPicsInfo",
                "SubscribeMsgPopupEvent",
            ]
        ),
        st.recursive(
            st.sampled_from(
                ["", "text", "event", "subscribe", "SCAN", "pic_weixin", "subscribe_msg_popup_event", "1715943330"]
            ),
            lambda inner: st.one_of(
                st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["List", "item"]), inner)
            ),
        ),
    )
)
def test_any_fields_are_read_or_refused_as_misshapen(fields: dict[str, object]) -> None:
    try:
        message = read_message(fields)  # type: ignore[arg-type]
    except BotError as refusal:
        assert refusal.http_status == 400
    else:
        assert isinstance(told(message).what, Happening)


def test_control_characters_do_not_reach_the_dialogue() -> None:
    message = read_message(
        {"ToUserName": "g", "FromUserName": "o", "CreateTime": "1", "MsgType": "text", "Content": "a\x00b"}
    )

    assert told(message).what == Said("ab")
