"""Turns the fields of a push into the message or event that they are; what is unknown is kept raw, never refused."""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from bot.channels.official.messages import (
    AuthorizationChanged,
    AuthorizationStep,
    Grant,
    GrantsAsked,
    GrantsChanged,
    Head,
    ImageMessage,
    LinkMessage,
    LocationMessage,
    LocationReported,
    MassFinished,
    MenuClicked,
    MenuPictured,
    MenuPlaced,
    MenuScanned,
    MenuViewed,
    Message,
    NoticeSent,
    NoticesSent,
    PictureWay,
    RawEvent,
    RawMessage,
    ScannedCode,
    StaffSession,
    StaffStep,
    Subscribed,
    TemplateFinished,
    TextMessage,
    Unsubscribed,
    VideoMessage,
    VoiceMessage,
)
from bot.channels.wire.fields import Fields, Misshapen, inner, number, several, text

Kind = TypeVar("Kind")
Readers = Mapping[str, Callable[[Head, Fields], Kind]]
Reader = Callable[[Head, Fields], Message]

# openids, gh_ ids and WeChat's own service names; they become parts of keys, so nothing else is let in.
_NAME: Final = re.compile(r"[0-9A-Za-z_.@=-]{1,128}")
# Seconds; a number of milliseconds has thirteen digits.
_TIME: Final = re.compile(r"[0-9]{1,11}")
_QRSCENE: Final = "qrscene_"


def read_message(fields: Fields) -> Message:
    """Return the message; raise Misshapen where even its head is not one (who, to whom, when, what kind)."""
    return read_by(fields, MESSAGES, EVENTS)


def read_by(fields: Fields, messages: Readers[Kind], events: Readers[Kind]) -> Kind | RawMessage | RawEvent:
    """Return what the readers of one kind of app make of a push, names in lower case; raise as ``read_message``."""
    head = _head(fields)
    kind = text(fields, "MsgType", None)
    if kind != "event":
        return _typed(messages.get(kind.lower()), head, fields) or RawMessage(head, kind, fields)
    event = text(fields, "Event", None).lower()
    return _typed(events.get(event), head, fields) or RawEvent(head, event, fields)


def _head(fields: Fields) -> Head:
    to, sender = text(fields, "ToUserName", None), text(fields, "FromUserName", None)
    at = text(fields, "CreateTime", None)
    if not _NAME.fullmatch(to):
        raise Misshapen("ToUserName")
    if not _NAME.fullmatch(sender):
        raise Misshapen("FromUserName")
    if not _TIME.fullmatch(at):
        raise Misshapen("CreateTime")
    # Send results spell it MsgID (wechat.md §2.1).
    return Head(to, sender, int(at), text(fields, "MsgId") or text(fields, "MsgID"))


def _typed(reader: Callable[[Head, Fields], Kind] | None, head: Head, fields: Fields) -> Kind | None:
    if reader is None:
        return None
    try:
        return reader(head, fields)
    except Misshapen:
        # WeChat changed the form; the customer's message must not bounce for that.
        return None


def text_message(head: Head, fields: Fields) -> TextMessage:
    return TextMessage(head, text(fields, "Content", None), text(fields, "bizmsgmenuid"))


def image_message(head: Head, fields: Fields) -> ImageMessage:
    return ImageMessage(head, text(fields, "MediaId", None), text(fields, "PicUrl"))


def _voice(head: Head, fields: Fields) -> Message:
    return VoiceMessage(head, text(fields, "MediaId", None), text(fields, "Format"), text(fields, "Recognition"))


def _video(short: bool) -> Reader:
    return lambda head, fields: VideoMessage(head, text(fields, "MediaId", None), text(fields, "ThumbMediaId"), short)


def _location(head: Head, fields: Fields) -> Message:
    latitude, longitude = text(fields, "Location_X", None), text(fields, "Location_Y", None)
    return LocationMessage(head, latitude, longitude, text(fields, "Scale"), text(fields, "Label"))


def _link(head: Head, fields: Fields) -> Message:
    return LinkMessage(head, text(fields, "Title"), text(fields, "Description"), text(fields, "Url", None))


def _subscribed(head: Head, fields: Fields) -> Message:
    event_key = text(fields, "EventKey")
    # Other keys tell of another way in (``last_trade_no_…`` after a payment, ``scanbarcode|…`` from a product code).
    scene = event_key.removeprefix(_QRSCENE) if event_key.startswith(_QRSCENE) else None
    return Subscribed(head, scene, text(fields, "Ticket"), event_key)


def _scanned(head: Head, fields: Fields) -> Message:
    return ScannedCode(head, text(fields, "EventKey", None), text(fields, "Ticket"))


def _reported(head: Head, fields: Fields) -> Message:
    latitude, longitude = text(fields, "Latitude", None), text(fields, "Longitude", None)
    return LocationReported(head, latitude, longitude, text(fields, "Precision"))


def _viewed(in_miniprogram: bool) -> Reader:
    return lambda head, fields: MenuViewed(
        head, text(fields, "EventKey", None), text(fields, "MenuId") or text(fields, "MenuID"), in_miniprogram
    )


def _menu_scanned(waiting: bool) -> Reader:
    def read(head: Head, fields: Fields) -> Message:
        scan = inner(fields, "ScanCodeInfo")
        scan_type, result = text(scan, "ScanType"), text(scan, "ScanResult", None)
        return MenuScanned(head, text(fields, "EventKey"), scan_type, result, waiting)

    return read


def _menu_pictured(way: PictureWay) -> Reader:
    def read(head: Head, fields: Fields) -> Message:
        pictures = several(inner(inner(fields, "SendPicsInfo"), "PicList"), "item")
        md5s = tuple(text(picture, "PicMd5Sum") for picture in pictures)
        return MenuPictured(head, way, text(fields, "EventKey"), md5s)

    return read


def _menu_placed(head: Head, fields: Fields) -> Message:
    place = inner(fields, "SendLocationInfo")
    latitude, longitude = text(place, "Location_X", None), text(place, "Location_Y", None)
    return MenuPlaced(head, text(fields, "EventKey"), latitude, longitude, text(place, "Label"), text(place, "Poiname"))


def _mass_finished(head: Head, fields: Fields) -> Message:
    counts = [number(fields, name) for name in ("TotalCount", "FilterCount", "SentCount", "ErrorCount")]
    return MassFinished(head, text(fields, "Status", None), *counts)


def _entries(fields: Fields, wrapper: str) -> tuple[Fields, ...]:
    """Return the entries of a subscribe event: ``<Wrapper><List/>…`` in XML, ``List`` alone in JSON.

    The document's own sample of the change event wraps its list as SubscribeMsgPopupEvent.
    """
    for name in (wrapper, "SubscribeMsgPopupEvent"):
        if name in fields:
            value = fields[name]
            return several(value, "List") if isinstance(value, dict) and "List" in value else several(fields, name)
    return several(fields, "List")


def _grants(fields: Fields, wrapper: str) -> tuple[Grant, ...]:
    return tuple(
        Grant(text(entry, "TemplateId", None), text(entry, "SubscribeStatusString"), text(entry, "PopupScene"))
        for entry in _entries(fields, wrapper)
    )


def grants_asked(head: Head, fields: Fields) -> GrantsAsked:
    return GrantsAsked(head, _grants(fields, "SubscribeMsgPopupEvent"))


def grants_changed(head: Head, fields: Fields) -> GrantsChanged:
    return GrantsChanged(head, _grants(fields, "SubscribeMsgChangeEvent"))


def notices_sent(head: Head, fields: Fields) -> NoticesSent:
    results = tuple(
        NoticeSent(
            text(entry, "TemplateId", None),
            text(entry, "MsgID"),
            text(entry, "ErrorCode"),
            text(entry, "ErrorStatus"),
        )
        for entry in _entries(fields, "SubscribeMsgSentEvent")
    )
    return NoticesSent(head, results)


def _staff(step: StaffStep) -> Reader:
    return lambda head, fields: StaffSession(head, step, text(fields, "KfAccount", None))


def _staff_switched(head: Head, fields: Fields) -> Message:
    before, after = text(fields, "FromKfAccount", None), text(fields, "ToKfAccount", None)
    return StaffSession(head, "kf_switch_session", before, after)


def _authorization(step: AuthorizationStep) -> Reader:
    return lambda head, fields: AuthorizationChanged(
        head, step, text(fields, "OpenID"), text(fields, "AppID"), text(fields, "RevokeInfo")
    )


MESSAGES: Final[Mapping[str, Reader]] = {
    "text": text_message,
    "image": image_message,
    "voice": _voice,
    "video": _video(short=False),
    "shortvideo": _video(short=True),
    "location": _location,
    "link": _link,
}

EVENTS: Final[Mapping[str, Reader]] = {
    "subscribe": _subscribed,
    "unsubscribe": lambda head, _fields: Unsubscribed(head),
    "scan": _scanned,
    "location": _reported,
    "click": lambda head, fields: MenuClicked(head, text(fields, "EventKey", None)),
    "view": _viewed(in_miniprogram=False),
    "view_miniprogram": _viewed(in_miniprogram=True),
    "scancode_push": _menu_scanned(waiting=False),
    "scancode_waitmsg": _menu_scanned(waiting=True),
    "pic_sysphoto": _menu_pictured("pic_sysphoto"),
    "pic_photo_or_album": _menu_pictured("pic_photo_or_album"),
    "pic_weixin": _menu_pictured("pic_weixin"),
    "location_select": _menu_placed,
    "templatesendjobfinish": lambda head, fields: TemplateFinished(head, text(fields, "Status", None)),
    "masssendjobfinish": _mass_finished,
    "subscribe_msg_popup_event": grants_asked,
    "subscribe_msg_change_event": grants_changed,
    "subscribe_msg_sent_event": notices_sent,
    "kf_create_session": _staff("kf_create_session"),
    "kf_close_session": _staff("kf_close_session"),
    "kf_switch_session": _staff_switched,
    "user_info_modified": _authorization("user_info_modified"),
    "user_authorization_revoke": _authorization("user_authorization_revoke"),
    "user_authorization_cancellation": _authorization("user_authorization_cancellation"),
}
