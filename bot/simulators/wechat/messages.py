"""Messages and events a user causes, as nested fields in the order of WeChat's documents."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Fields = dict[str, Any]

# Message types whose payload is copied field by field, with the documented names.
MESSAGE_FIELDS: Mapping[str, Sequence[tuple[str, str, Any]]] = {
    "text": (("Content", "text", ""),),
    "image": (("PicUrl", "pic_url", ""), ("MediaId", "media_id", "")),
    "voice": (("MediaId", "media_id", ""), ("Format", "format", "amr"), ("MediaId16K", "media_id_16k", "")),
    "video": (("MediaId", "media_id", ""), ("ThumbMediaId", "thumb_media_id", "")),
    "shortvideo": (("MediaId", "media_id", ""), ("ThumbMediaId", "thumb_media_id", "")),
    "location": (
        ("Location_X", "latitude", 39.904),
        ("Location_Y", "longitude", 116.407),
        ("Scale", "scale", 16),
        ("Label", "label", ""),
    ),
    "link": (("Title", "title", ""), ("Description", "description", ""), ("Url", "url", "")),
}

# Events that nobody is there to read an answer to.
DEAF_EVENTS = frozenset({"TEMPLATESENDJOBFINISH", "unsubscribe", "subscribe_msg_sent_event"})

# Events that a machine causes: a fault of the product's server shows nothing in the chat.
SILENT_EVENTS = frozenset(
    {
        "TEMPLATESENDJOBFINISH",
        "LOCATION",
        "VIEW",
        "view_miniprogram",
        "unsubscribe",
        "subscribe_msg_popup_event",
        "subscribe_msg_change_event",
        "subscribe_msg_sent_event",
    }
)


def message(kind: str, values: Mapping[str, Any], msgid: int) -> Fields:
    """The fields of a user's message after FromUserName and CreateTime; raises KeyError on unknown types."""
    fields: Fields = {"MsgType": kind}
    for name, key, default in MESSAGE_FIELDS[kind]:
        fields[name] = values.get(key, default)
    if kind == "voice" and "recognition" in values:
        fields["Recognition"] = values["recognition"]
    fields["MsgId"] = msgid
    if kind == "text" and values.get("menuid"):
        # A click on a line of a msgmenu message comes as text with this element (客服消息, 菜单消息).
        fields["bizmsgmenuid"] = values["menuid"]
    return fields


def _keyed(values: Mapping[str, Any]) -> Fields:
    return {"EventKey": values.get("key", "")}


def _qr(values: Mapping[str, Any]) -> Fields:
    fields = _keyed(values)
    if values.get("ticket"):
        fields["Ticket"] = values["ticket"]
    return fields


def _location(values: Mapping[str, Any]) -> Fields:
    return {
        "Latitude": values.get("latitude", 39.904),
        "Longitude": values.get("longitude", 116.407),
        "Precision": values.get("precision", 30.0),
    }


def _view(values: Mapping[str, Any]) -> Fields:
    return {"EventKey": values.get("key", ""), "MenuId": values.get("menu_id", "")}


def _scancode(values: Mapping[str, Any]) -> Fields:
    info = {"ScanType": values.get("scan_type", "qrcode"), "ScanResult": values.get("scan_result", "")}
    return {"EventKey": values.get("key", ""), "ScanCodeInfo": info}


def _pictures(values: Mapping[str, Any]) -> Fields:
    sums = list(values.get("pictures", ["5a75aaca956d97be686719218f275c6b"]))
    info = {"Count": len(sums), "PicList": {"item": [{"PicMd5Sum": value} for value in sums]}}
    return {"EventKey": values.get("key", ""), "SendPicsInfo": info}


def _location_select(values: Mapping[str, Any]) -> Fields:
    info = {
        "Location_X": str(values.get("latitude", 39.904)),
        "Location_Y": str(values.get("longitude", 116.407)),
        "Scale": str(values.get("scale", 15)),
        "Label": values.get("label", ""),
        "Poiname": values.get("poiname", ""),
    }
    return {"EventKey": values.get("key", ""), "SendLocationInfo": info}


def _miniprogram(values: Mapping[str, Any]) -> Fields:
    return {"EventKey": values.get("key", ""), "MenuId": values.get("menu_id", "")}


def _template_job(values: Mapping[str, Any]) -> Fields:
    # The element is MsgID here, with a capital D, unlike MsgId of messages (wechat.md §2.1).
    return {"MsgID": values.get("msgid", 0), "Status": values.get("status", "success")}


EVENTS: Mapping[str, Callable[[Mapping[str, Any]], Fields]] = {
    "subscribe": _qr,
    "unsubscribe": _keyed,
    "SCAN": _qr,
    "LOCATION": _location,
    "CLICK": _keyed,
    "VIEW": _view,
    "scancode_push": _scancode,
    "scancode_waitmsg": _scancode,
    "pic_sysphoto": _pictures,
    "pic_photo_or_album": _pictures,
    "pic_weixin": _pictures,
    "location_select": _location_select,
    "view_miniprogram": _miniprogram,
    "TEMPLATESENDJOBFINISH": _template_job,
}

SUBSCRIPTION_EVENTS: Mapping[str, str] = {
    "subscribe_msg_popup_event": "SubscribeMsgPopupEvent",
    "subscribe_msg_change_event": "SubscribeMsgChangeEvent",
    "subscribe_msg_sent_event": "SubscribeMsgSentEvent",
}


def event(kind: str, values: Mapping[str, Any], wire: str) -> Fields:
    """The fields of an event after CreateTime; unknown kinds carry `values["fields"]` as they are.

    Subscription events differ by format: nested `<List>` elements in XML, one `List` in JSON that is an
    object for one item and an array for several (wechat.md §2.1).
    """
    fields: Fields = {"MsgType": "event", "Event": kind}
    if kind in SUBSCRIPTION_EVENTS:
        items = [dict(item) for item in values.get("list", [])]
        if wire == "xml":
            fields[SUBSCRIPTION_EVENTS[kind]] = {"List": items}
        else:
            texts = [{key: str(value) for key, value in item.items()} for item in items]
            fields["List"] = texts[0] if len(texts) == 1 else texts
    elif kind in EVENTS:
        fields.update(EVENTS[kind](values))
    fields.update(values.get("fields", {}))
    return fields
