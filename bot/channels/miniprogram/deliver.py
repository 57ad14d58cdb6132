"""Delivers replies from the outbox as a mini-program's customer-service messages."""

from collections.abc import Mapping
from typing import Any

from bot.channels.miniprogram import outbound
from bot.channels.official.deliver import CustomDeliverer
from bot.dialogue.reply import Card, Text


class MiniDeliverer(CustomDeliverer):
    """Deliverer of ``mini.custom``: as for official accounts, with a mini-program's kinds of messages."""

    kind = outbound.KIND

    def body(self, openid: str, part: Text | Card) -> Mapping[str, Any]:
        return outbound.custom_body(openid, part)
