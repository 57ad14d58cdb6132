"""Checks an account's menu before it is sent, so that an operator reads all faults at once and in words."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

# 创建自定义菜单 and wechat.md §2.2.
_BUTTONS: Final = 3
_SUB_BUTTONS: Final = 5
_NAME_BYTES: Final = 16
_SUB_NAME_BYTES: Final = 60
_KEY_BYTES: Final = 128
_URL_BYTES: Final = 1024

# What each type of button must carry.
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "click": ("key",),
    "view": ("url",),
    "miniprogram": ("appid", "pagepath", "url"),
    "scancode_push": ("key",),
    "scancode_waitmsg": ("key",),
    "pic_sysphoto": ("key",),
    "pic_photo_or_album": ("key",),
    "pic_weixin": ("key",),
    "location_select": ("key",),
    "media_id": ("media_id",),
    "article_id": ("article_id",),
    "article_view_limited": ("article_id",),
}


def faults_of(menu: Mapping[str, Any]) -> list[str]:
    """Return every fault of a menu as a sentence with the place where it is; an empty list means that it can go."""
    buttons = menu.get("button")
    if not isinstance(buttons, Sequence) or isinstance(buttons, str) or not 1 <= len(buttons) <= _BUTTONS:
        return [f"button: has 1 to {_BUTTONS} entries"]
    faults: list[str] = []
    for place, button in enumerate(buttons, 1):
        faults += _of_button(button, f"button {place}")
    return faults


def _of_button(button: Any, where: str) -> list[str]:
    if not isinstance(button, Mapping):
        return [f"{where}: is no object"]
    subs = button.get("sub_button") or ()
    if not subs:
        return _of_name(button, where, _NAME_BYTES) + _of_action(button, where)
    faults = _of_name(button, where, _NAME_BYTES)
    if not isinstance(subs, Sequence) or isinstance(subs, str) or len(subs) > _SUB_BUTTONS:
        return [*faults, f"{where}: has at most {_SUB_BUTTONS} entries"]
    for place, sub in enumerate(subs, 1):
        inside = f"{where}.{place}"
        if not isinstance(sub, Mapping):
            faults.append(f"{inside}: is no object")
        elif sub.get("sub_button"):
            faults.append(f"{inside}: a menu has two levels")
        else:
            faults += _of_name(sub, inside, _SUB_NAME_BYTES) + _of_action(sub, inside)
    return faults


def _of_name(button: Mapping[str, Any], where: str, limit: int) -> list[str]:
    name = button.get("name")
    if not isinstance(name, str) or not name:
        return [f"{where}: has no name"]
    return [f"{where}: its name has more than {limit} bytes"] if len(name.encode()) > limit else []


def _of_action(button: Mapping[str, Any], where: str) -> list[str]:
    kind = button.get("type")
    needs = _NEEDS.get(kind) if isinstance(kind, str) else None
    if needs is None:
        return [f"{where}: type is one of {', '.join(_NEEDS)}"]
    faults = [f"{where}: {kind} needs {name}" for name in needs if not isinstance(button.get(name), str)]
    for name, limit in (("key", _KEY_BYTES), ("url", _URL_BYTES)):
        value = button.get(name)
        if isinstance(value, str) and len(value.encode()) > limit:
            faults.append(f"{where}: {name} has more than {limit} bytes")
    return faults


def default_menu() -> Mapping[str, Any]:
    """Return the menu of an account that has none of its own; the keys are those that the dialogue knows."""
    return {
        "button": [
            {
                "name": "缴费",
                "sub_button": [
                    {"type": "click", "name": "交物业费", "key": "pay:property"},
                    {"type": "click", "name": "查电费", "key": "query:electricity"},
                    {"type": "click", "name": "餐饮买单", "key": "pay:dining"},
                ],
            },
            {
                "name": "我的",
                "sub_button": [
                    {"type": "click", "name": "缴费记录", "key": "act:history"},
                    {"type": "click", "name": "凭证发票", "key": "act:receipt"},
                ],
            },
            {"type": "click", "name": "人工客服", "key": "act:human"},
        ]
    }
