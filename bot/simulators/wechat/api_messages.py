"""Messages that the account sends on its own: customer service, templates, subscriptions, typing."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from bot.simulators.wechat import caller, messages
from bot.simulators.wechat.api import OK, ApiError, Call, Fields, Route
from bot.simulators.wechat.plan import Template
from bot.simulators.wechat.replies import TEXT_BYTES, article
from bot.simulators.wechat.windows import Allowance
from bot.simulators.wechat.world import Contact, masked

TYPING_SINCE_MESSAGE = timedelta(seconds=30)
TYPING_LASTS = timedelta(seconds=15)

# Longest values by the kind in a parameter's name (订阅通知, 参数值内容限制说明).
VALUE_CHARS: Mapping[str, int] = {
    "thing": 20,
    "character_string": 32,
    "number": 32,
    "letter": 32,
    "symbol": 5,
    "phone_number": 17,
    "car_number": 8,
    "name": 20,
    "phrase": 5,
    "const": 20,
}
PLACEHOLDER = re.compile(r"\{\{(\w+)\.DATA\}\}")


def _text(call: Call, part: Fields) -> Fields:
    content = part.get("content")
    if not isinstance(content, str) or not content:
        raise ApiError(44004)
    if len(content.encode()) > TEXT_BYTES:
        raise ApiError(45002)
    return {"text": content}


def _media(call: Call, part: Fields) -> Fields:
    if part.get("media_id") not in call.book.media:
        raise ApiError(40007)
    return {"media_id": part["media_id"]}


def _news(call: Call, part: Fields) -> Fields:
    articles = part.get("articles")
    if not isinstance(articles, list) or not articles:
        raise ApiError(47001)
    if len(articles) > 1:
        raise ApiError(45008)
    return {"articles": [article(item) for item in articles]}


def _msgmenu(call: Call, part: Fields) -> Fields:
    items = part.get("list")
    if not isinstance(items, list) or not items:
        raise ApiError(47001)
    return {
        "head": str(part.get("head_content", "")),
        "items": [{"id": str(item["id"]), "content": str(item["content"])} for item in items],
        "tail": str(part.get("tail_content", "")),
    }


def _miniprogram(call: Call, part: Fields) -> Fields:
    return {"title": str(part.get("title", "")), "appid": str(part.get("appid", ""))}


KINDS: Mapping[str, Callable[[Call, Fields], Fields]] = {
    "text": _text,
    "image": _media,
    "voice": _media,
    "video": _media,
    "news": _news,
    "msgmenu": _msgmenu,
    "miniprogrampage": _miniprogram,
}


async def custom_send(call: Call) -> Fields:
    """POST /cgi-bin/message/custom/send, within the windows that the user's doings opened."""
    contact = call.contact(call.body.get("touser"))
    kind = str(call.body.get("msgtype", ""))
    reader = KINDS.get(kind)
    if reader is None:
        raise ApiError(40008)
    try:
        content = reader(call, call.body[kind])
    except (KeyError, TypeError, AttributeError) as fault:
        raise ApiError(47001) from fault
    if not contact.follows:
        raise ApiError(45015)
    if contact.blocked:
        raise ApiError(48002)
    match contact.windows.spend(call.world.clock.now()):
        case Allowance.CLOSED:
            raise ApiError(45015)
        case Allowance.USED_UP:
            raise ApiError(45047)
        case Allowance.YES:
            _stop_typing(call, contact)
    call.world.log(contact, {"sender": "account", "via": "custom", "msgtype": kind, **content})
    call.world.note("custom", "客服消息送达", f"{masked(contact.openid)} {caller.gist(str(content.get('text', kind)))}")
    return OK


async def custom_typing(call: Call) -> Fields:
    """POST /cgi-bin/message/custom/typing: shown for 15 s after a message of the last 30 s."""
    contact = call.contact(call.body.get("touser"))
    command, now = call.body.get("command"), call.world.clock.now()
    if command == "CancelTyping":
        _stop_typing(call, contact)
        return OK
    if command != "Typing":
        raise ApiError(45072)
    if contact.last_message_at is None or now - contact.last_message_at > TYPING_SINCE_MESSAGE:
        raise ApiError(45080)
    if contact.typing_until and contact.typing_until > now:
        raise ApiError(45081)
    contact.typing_until = now + TYPING_LASTS
    call.world.tell(contact, {"type": "typing", "on": True})
    return OK


def _stop_typing(call: Call, contact: Contact) -> None:
    contact.typing_until = None
    call.world.tell(contact, {"type": "typing", "on": False})


def _template_of(call: Call) -> Template:
    template_id = str(call.body.get("template_id", ""))
    known = call.account.templates
    if not template_id or (known and template_id not in {item.template_id for item in known}):
        raise ApiError(40037)
    return next((item for item in known if item.template_id == template_id), Template(template_id, "服务通知"))


def _values(call: Call) -> dict[str, str]:
    """The parameters of a template, each checked by the kind in its name; raises 47003."""
    data = call.body.get("data")
    if not isinstance(data, dict) or not data:
        raise ApiError(47003, "argument invalid! data is empty")
    values = {}
    for key, item in data.items():
        value = str(item.get("value", "")) if isinstance(item, dict) else ""
        if not value:
            raise ApiError(47003, f"argument invalid! data.{key}.value is empty")
        kind = str(key).rstrip("0123456789")
        if len(value) > VALUE_CHARS.get(kind, 200):
            raise ApiError(47003, f"argument invalid! data.{key}.value invalid")
        values[str(key)] = value
    return values


def _card(template: Template, values: dict[str, str], url: str) -> Fields:
    """The card of a template message as the phone shows it."""
    if not template.content:
        rows = [{"label": key, "value": value} for key, value in values.items()]
        return {"title": template.title, "rows": rows, "url": url}
    rows = []
    for line in template.content.splitlines():
        filled = PLACEHOLDER.sub(lambda found: values.get(found.group(1), ""), line)
        label, colon, value = filled.partition("：")
        rows.append({"label": label, "value": value} if colon else {"label": "", "value": filled})
    return {"title": template.title, "rows": rows, "url": url}


async def template_send(call: Call) -> Fields:
    """POST /cgi-bin/message/template/send; the result comes as TEMPLATESENDJOBFINISH."""
    contact = call.contact(call.body.get("touser"))
    template = _template_of(call)
    card = _card(template, _values(call), str(call.body.get("url", "")))
    if not contact.follows:
        raise ApiError(43004)
    msgid = call.world.msgid()
    status = "failed:user block" if contact.blocked else call.world.faults.template_status
    if status == "success":
        call.world.log(contact, {"sender": "account", "via": "template", "msgtype": "template", **card})
    fields = messages.event("TEMPLATESENDJOBFINISH", {"msgid": msgid, "status": status}, call.account.format)
    _report(call, contact, fields)
    return {**OK, "msgid": msgid}


async def subscribe_bizsend(call: Call) -> Fields:
    """POST /cgi-bin/message/subscribe/bizsend: every grant of the user is good for one message."""
    contact = call.contact(call.body.get("touser"))
    template = _template_of(call)
    card = _card(template, _values(call), str(call.body.get("page", "")))
    if call.world.faults.refuse_subscribe or contact.grants[template.template_id] <= 0:
        raise ApiError(43101)
    contact.grants[template.template_id] -= 1
    call.world.log(contact, {"sender": "account", "via": "subscribe", "msgtype": "template", **card})
    sent = {
        "TemplateId": template.template_id,
        "MsgID": str(call.world.msgid()),
        "ErrorCode": "0",
        "ErrorStatus": "success",
    }
    fields = messages.event("subscribe_msg_sent_event", {"list": [sent]}, call.account.format)
    _report(call, contact, fields)
    return OK


def _report(call: Call, contact: Contact, fields: dict[str, Any]) -> None:
    """Push a result event after the answer to this call."""
    if call.account.webhook_url:
        call.world.spawn(caller.push(call.world, call.account, contact, fields))


ROUTES: tuple[Route, ...] = (
    Route("/cgi-bin/message/custom/send", custom_send),
    Route("/cgi-bin/message/custom/typing", custom_typing),
    Route("/cgi-bin/message/template/send", template_send),
    Route("/cgi-bin/message/subscribe/bizsend", subscribe_bizsend),
)
