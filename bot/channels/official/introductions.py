"""Learns a follower's unionid before the first word is answered, so that one person is one customer in every app."""

import asyncio
from collections.abc import Mapping
from typing import Final

from bot.channels.official.client import WeChatClient
from bot.channels.official.inbound import CHANNEL
from bot.channels.turns import Handler
from bot.customers.identities import Identities
from bot.dialogue.event import Event, Left, Noted
from bot.dialogue.reply import Reply
from bot.kernel.errors import BotError
from bot.outside.logging import get_logger
from bot.storage.ephemeral_port import Ephemeral

log = get_logger(__name__)

# A follower is asked after again this often, in seconds: the account may have joined an open platform meanwhile.
_KNOWN_TTL: Final = 7 * 86_400.0
# WeChat must not cost the customer the answer, which has a deadline of its own.
_PATIENCE: Final = 1.0


class Introductions:
    """A handler of turns in front of another: who writes for the first time is looked up at WeChat.

    What goes wrong here is told to the log alone; the customer is then linked by a later message.
    """

    def __init__(
        self, handler: Handler, identities: Identities, clients: Mapping[str, WeChatClient], store: Ephemeral
    ) -> None:
        self._handler = handler
        self._identities = identities
        self._clients = clients
        self._store = store

    async def answer(self, event: Event) -> Reply:
        """Answer as the handler does, after the introduction."""
        client = self._clients.get(event.account) if event.channel == CHANNEL else None
        if client is not None and not isinstance(event.what, Noted | Left):
            await self._introduce(event, client)
        return await self._handler(event)

    async def _introduce(self, event: Event, client: WeChatClient) -> None:
        key = f"wechat:met:{event.account}:{event.subject}"
        try:
            if await self._store.claim(key, "met", _KNOWN_TTL) is not None:
                return
            async with asyncio.timeout(_PATIENCE):
                unionid = (await client.user(event.subject)).get("unionid")
            if unionid:
                await self._identities.recognise(event.channel, event.account, event.subject, unionid=str(unionid))
        except (BotError, TimeoutError) as fault:
            log.info("introduction.failed", error=fault.code if isinstance(fault, BotError) else "timeout")
            await self._forget(key)

    async def _forget(self, key: str) -> None:
        try:
            await self._store.release(key, "met")
        except BotError:
            log.info("introduction.store_away")
