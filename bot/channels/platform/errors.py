"""WeChat's error codes by what they mean to us: what to do next, and whether asking again can help."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from wechatpy.constants import WeChatErrorCode

from bot.kernel.errors import BotError

_RID: Final = re.compile(r"\brid: ?([0-9a-f]{8}(?:-[0-9a-f]{8}){1,3})")


class WeChatError(BotError):
    """An answer of api.weixin.qq.com that says no. ``errmsg`` can quote what was sent, so it stays out of the text.

    ``rid`` is what WeChat's support asks for. ``wait`` is how many seconds to leave between two tries, where it helps
    to try again at all.
    """

    http_status: ClassVar[int] = 502
    wait: ClassVar[float | None] = None

    def __init__(self, errcode: int, errmsg: str = "", remedy: str = "") -> None:
        found = _RID.search(errmsg)
        self.rid = found[1] if found else ""
        super().__init__(f"wechat_{errcode}", remedy, name=name_of(errcode), rid=self.rid)
        self.errcode = errcode
        self.errmsg = errmsg


class TokenRejected(WeChatError):
    """The access token is missing, malformed, expired or no longer the latest."""

    retryable = True


class BadCredential(WeChatError):
    """The app id, its secret or this machine's address is wrong: an operator has to mend a setting."""


class SystemBusy(WeChatError):
    """WeChat asks to come again a little later."""

    retryable = True
    wait = 5.0


class QuotaSpent(WeChatError):
    """The day's calls of this interface are used up; they begin anew at midnight in Shanghai."""

    retryable = True
    wait = 1800.0


class TooFast(WeChatError):
    """Too many calls in one minute."""

    retryable = True
    wait = 60.0


class WindowClosed(WeChatError):
    """The customer's last message is too long ago, or they unsubscribed."""


class CountSpent(WeChatError):
    """As many messages as this window allows were sent."""


class NotFollowing(WeChatError):
    """The customer does not follow the account, or blocked its messages."""


class Refused(WeChatError):
    """The customer gave no grant for this message, or used it up."""


class BadOpenid(WeChatError):
    """No such customer of this account."""


class BadArgument(WeChatError):
    """What we sent does not fit the interface: a defect of ours, or of a template's settings."""


class NoPermission(WeChatError):
    """This account may not use the interface."""


class BadCode(WeChatError):
    """A one-time code is wrong, expired or was used before."""


class NoSuchThing(WeChatError):
    """No menu, user or media under that name."""


class AlreadySo(WeChatError):
    """The state that was asked for is there already, or cannot be had just now; nothing is wrong."""


_IP_REMEDY: Final = "add this machine's address to the account's IP whitelist"

# Known by wechatpy's name where its enumeration has the code, else from the interface's own page.
_BY_NAME: Final[Mapping[type[WeChatError], tuple[WeChatErrorCode, ...]]] = {
    SystemBusy: (WeChatErrorCode.SYSTEM_BUSY, WeChatErrorCode.SYSTEM_ERROR),
    TokenRejected: (
        WeChatErrorCode.INVALID_CREDENTIAL,
        WeChatErrorCode.INVALID_ACCESS_TOKEN,
        WeChatErrorCode.EXPIRED_ACCESS_TOKEN,
        WeChatErrorCode.MISSING_ACCESS_TOKEN,
    ),
    BadCredential: (
        WeChatErrorCode.INVALID_CREDENTIAL_TYPE,
        WeChatErrorCode.INVALID_APP_ID,
        WeChatErrorCode.INVALID_APP_SECRET,
        WeChatErrorCode.MISSING_APP_ID,
        WeChatErrorCode.MISSING_APP_SECRET,
    ),
    QuotaSpent: (WeChatErrorCode.OUT_OF_API_FREQ_LIMIT,),
    TooFast: (WeChatErrorCode.API_MINUTE_QUOTA_REACH_LIMIT,),
    WindowClosed: (WeChatErrorCode.OUT_OF_RESPONSE_TIME_LIMIT,),
    CountSpent: (WeChatErrorCode.OUT_OF_RESPONSE_COUNT_LIMIT,),
    NotFollowing: (
        WeChatErrorCode.REQUIRE_SUBSCRIBE,
        WeChatErrorCode.REQUIRE_UNBLOCK_USER,
        WeChatErrorCode.USER_BLOCK_MESSAGE,
    ),
    Refused: (WeChatErrorCode.USER_REFUSE_TO_ACCEPT_THE_MESSAGE,),
    BadOpenid: (WeChatErrorCode.INVALID_OPENID, WeChatErrorCode.MISSING_OPENID),
    BadCode: (
        WeChatErrorCode.INVALID_OAUTH_CODE,
        WeChatErrorCode.CODE_BEEN_USED,
        WeChatErrorCode.EXPIRED_OAUTH_CODE,
        WeChatErrorCode.MISSING_OAUTH_CODE,
        WeChatErrorCode.INVALID_REFRESH_TOKEN,
        WeChatErrorCode.EXPIRED_REFRESH_TOKEN,
    ),
    NoPermission: (
        WeChatErrorCode.UNAUTHORIZED_API,
        WeChatErrorCode.API_BANNED,
        WeChatErrorCode.USER_NOT_AGREE_PROTOCOL,
        WeChatErrorCode.NO_PERMISSION_FOR_THIS_MSGTYPE,
        WeChatErrorCode.USER_UNAUTHORIZED,
        WeChatErrorCode.USER_LIMITED,
    ),
    BadArgument: (
        WeChatErrorCode.INVALID_MESSAGE_TYPE,
        WeChatErrorCode.INVALID_MEDIA_ID,
        WeChatErrorCode.INVALID_TEMPLATE,
        WeChatErrorCode.INVALID_PAGE,
        WeChatErrorCode.DATA_FORMAT_ERROR,
        WeChatErrorCode.INVALID_TEMPLATE_ARGUMENT,
        WeChatErrorCode.EMPTY_CONTENT,
        WeChatErrorCode.OUT_OF_CONTENT_SIZE_LIMIT,
        WeChatErrorCode.OUT_OF_ARTICLE_SIZE_LIMIT,
    ),
    NoSuchThing: (
        WeChatErrorCode.MENU_NO_EXIST,
        WeChatErrorCode.USER_NOT_EXIST,
        WeChatErrorCode.MEDIA_DATA_NO_EXIST,
    ),
}

_BY_NUMBER: Final[Mapping[int, type[WeChatError]]] = {
    # 40164 means that the caller's address is not whitelisted, 40243 that the secret is frozen.
    40164: BadCredential,
    40243: BadCredential,
    # 45080: no message from the customer in the last 30 s; 45081: typing is shown already.
    45080: AlreadySo,
    45081: AlreadySo,
}

MEANINGS: Final[Mapping[int, type[WeChatError]]] = {
    **{int(code): meaning for meaning, codes in _BY_NAME.items() for code in codes},
    **_BY_NUMBER,
}


def name_of(errcode: int) -> str:
    """Return wechatpy's name of a code in lower case, or nothing where it has none."""
    try:
        return str(WeChatErrorCode(errcode).name).lower()
    except ValueError:
        return ""


def raise_for(answer: Mapping[str, Any]) -> None:
    """Raise the error that an answer reports; answers without ``errcode`` or with 0 are successes."""
    errcode = answer.get("errcode", 0)
    if errcode == 0:
        return
    number = errcode if isinstance(errcode, int) else WeChatErrorCode.SYSTEM_ERROR.value
    remedy = _IP_REMEDY if number == 40164 else ""
    raise MEANINGS.get(number, WeChatError)(number, str(answer.get("errmsg", "")), remedy)
