"""The settings that every WeChat app has, and the door that they make."""

import re
from dataclasses import dataclass, field
from typing import Final

from bot.channels.wire.crypto import MessageCipher
from bot.channels.wire.push import Door, Format, Mode
from bot.kernel.errors import Misconfigured
from bot.kernel.masking import Secret

_KEY: Final = re.compile(r"[0-9a-z][0-9a-z_-]{0,31}")
# 消息推送: 3 to 32 letters and digits.
_TOKEN: Final = re.compile(r"[0-9A-Za-z]{3,32}")


@dataclass(frozen=True, slots=True)
class WeChatApp:
    """One official account or mini-program. ``key`` is the operator's own name for it, the ``{account}`` of its URL.

    ``aes_keys`` are the present EncodingAESKey and, after a change, the one before. ``window`` is how many seconds a
    signed timestamp may be away from ours. ``original_id`` is the ``gh_…`` id; where it is set, a message to another
    app is refused.
    """

    key: str
    app_id: str
    secret: Secret
    token: Secret
    aes_keys: tuple[Secret, ...] = field(default=())
    mode: Mode = Mode.SAFE
    format: Format | None = None
    original_id: str = ""
    api_base: str = "https://api.weixin.qq.com"
    window: float = 300.0

    def door(self) -> Door:
        """Return what this app's URL lets in; raise Misconfigured where a setting would leave it open."""
        if not _KEY.fullmatch(self.key):
            raise Misconfigured("bad_account_key", "1 to 32 of a-z, 0-9, _ and -", setting=self.key)
        if not _TOKEN.fullmatch(self.token.reveal()):
            raise Misconfigured("bad_token", "Token has 3 to 32 letters and digits", account=self.key)
        if self.mode is not Mode.PLAIN and not self.aes_keys:
            raise Misconfigured("no_encoding_aes_key", f"{self.mode} mode needs EncodingAESKey", account=self.key)
        cipher = MessageCipher(self.aes_keys, self.app_id) if self.aes_keys else None
        return Door(self.app_id, self.token, self.mode, cipher, self.window, self.format)
