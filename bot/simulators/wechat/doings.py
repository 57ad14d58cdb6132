"""What a person does in the chat, whether a test orders it or a visitor taps it on the phone."""

from collections.abc import Mapping
from typing import Any

from bot.simulators.wechat import messages
from bot.simulators.wechat.caller import Delivery, push
from bot.simulators.wechat.plan import Account, origin_of
from bot.simulators.wechat.windows import Trigger
from bot.simulators.wechat.world import Contact, SceneCode, World

# What each event opens for customer-service messages (客服消息, 下发额度).
EVENT_TRIGGERS: Mapping[str, Trigger] = {
    "subscribe": Trigger.FOLLOW,
    "SCAN": Trigger.SCAN,
    "CLICK": Trigger.MENU,
    "VIEW": Trigger.MENU,
    "view_miniprogram": Trigger.MENU,
    "scancode_push": Trigger.MENU,
    "scancode_waitmsg": Trigger.MENU,
    "pic_sysphoto": Trigger.MENU,
    "pic_photo_or_album": Trigger.MENU,
    "pic_weixin": Trigger.MENU,
    "location_select": Trigger.MENU,
}

PAYMENT = "pay_success"


class NotPossible(Exception):
    """The person cannot do this; the text says why."""


async def send_message(
    world: World, account: Account, contact: Contact, kind: str, values: Mapping[str, Any]
) -> Delivery:
    """The person sends a message of a type of messages.MESSAGE_FIELDS."""
    if kind not in messages.MESSAGE_FIELDS:
        raise NotPossible(f"no such message type: {kind}")
    if not contact.follows:
        raise NotPossible("the person does not follow the account")
    now = world.clock.now()
    # A click on a msgmenu line counts as a menu click, not as a message (wechat.md §2.2).
    contact.windows.trigger(Trigger.MENU if values.get("menuid") else Trigger.MESSAGE, now)
    contact.last_message_at = now
    fields = messages.message(kind, values, world.msgid())
    shown = {key: values[key] for key in ("text", "title", "label", "pic_url", "media_id") if key in values}
    world.log(contact, {"sender": "user", "via": "message", "msgtype": kind, **shown})
    return await push(world, account, contact, fields, copies=int(values.get("copies", 1)))


async def cause_event(
    world: World, account: Account, contact: Contact, kind: str, values: Mapping[str, Any]
) -> Delivery:
    """An event happens: following, scanning, menu taps, subscriptions, or any other by its name."""
    _effect(world, contact, kind, values)
    trigger = EVENT_TRIGGERS.get(kind)
    if trigger:
        contact.windows.trigger(trigger, world.clock.now())
    if kind == PAYMENT:
        # Paying opens the window; the account learns of it from WeChat Pay, not from a push.
        contact.windows.trigger(Trigger.PAYMENT, world.clock.now())
        return Delivery(silent=True)
    fields = messages.event(kind, values, account.format)
    world.log(contact, {"sender": "user", "via": "event", "msgtype": "event", "event": kind})
    return await push(world, account, contact, fields, copies=int(values.get("copies", 1)))


def _effect(world: World, contact: Contact, kind: str, values: Mapping[str, Any]) -> None:
    """What an event changes on the platform itself."""
    if kind == "subscribe":
        contact.follows, contact.followed_at = True, world.clock.now()
        contact.qr_scene = str(values.get("key", "")).removeprefix("qrscene_")
        contact.scene = "ADD_SCENE_QR_CODE" if contact.qr_scene else "ADD_SCENE_SEARCH"
        world.tell(contact, {"type": "follow", "follows": True})
    elif kind == "unsubscribe":
        contact.follows = False
        contact.windows.open.clear()
        world.tell(contact, {"type": "follow", "follows": False})
    elif kind == "subscribe_msg_popup_event":
        for item in values.get("list", []):
            if item.get("SubscribeStatusString") == "accept":
                contact.grants[str(item["TemplateId"])] += 1
    elif kind == "subscribe_msg_change_event":
        for item in values.get("list", []):
            contact.grants[str(item["TemplateId"])] = 0


def scene_code(world: World, url: str) -> SceneCode | None:
    """The living parametric code behind an address or ticket, if it is one."""
    now = world.clock.now()
    for code in world.codes.values():
        if url in (code.url, code.ticket) and (code.expires is None or code.expires > now):
            return code
    return None


async def scan_scene(world: World, account: Account, contact: Contact, code: SceneCode) -> Delivery:
    """Scanning a parametric code: SCAN for followers, subscribe with qrscene_ for everybody else."""
    if contact.follows:
        values = {"key": code.scene, "ticket": code.ticket}
        return await cause_event(world, account, contact, "SCAN", values)
    values = {"key": f"qrscene_{code.scene}", "ticket": code.ticket}
    return await cause_event(world, account, contact, "subscribe", values)


def opened(world: World, url: str) -> str:
    """The address in the web view for a product's link; raises NotPossible for any other link."""
    plan = world.plan
    origin = origin_of(url)
    if not origin or origin != plan.public_origin:
        raise NotPossible("该链接不在演示范围内")
    if not plan.webview_origin:
        raise NotPossible("网页浏览器未启动")
    return url
