"""The settings of one mini-program."""

from dataclasses import dataclass

from bot.channels.app import WeChatApp


@dataclass(frozen=True, slots=True)
class MiniProgram(WeChatApp):
    """One mini-program (小程序)."""
