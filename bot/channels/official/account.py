"""The settings of one official account."""

from dataclasses import dataclass

from bot.channels.app import WeChatApp


@dataclass(frozen=True, slots=True)
class OfficialAccount(WeChatApp):
    """One official account (公众号)."""

    oauth_base: str = "https://open.weixin.qq.com"
