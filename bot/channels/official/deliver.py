"""Delivers replies from the outbox as customer-service messages, in order and never in vain."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.channels.official import outbound
from bot.channels.official.quota import Room, Windows
from bot.channels.platform.client import PlatformClient
from bot.channels.platform.errors import CountSpent, NotFollowing, QuotaSpent, Refused, WeChatError, WindowClosed
from bot.dialogue.reply import Card, HandOff, Part, Picture, Text
from bot.jobs.port import Again, Dead, Done, Job
from bot.kernel.clock import SHANGHAI, Clock
from bot.kernel.errors import BotError
from bot.outside.logging import get_logger
from bot.storage.ephemeral_port import Ephemeral

log = get_logger(__name__)

# Longer than any job is retried, so that a part is not sent again by a late repetition.
_PROGRESS_TTL: Final = 3 * 86_400.0
# A customer who cannot be written to, as happens every day, is nothing that an operator could mend.
_UNREACHABLE: Final = (WindowClosed, CountSpent, NotFollowing, Refused)


class CustomDeliverer:
    """Deliverer of ``official.custom``.

    What was sent of a job is kept in the ephemeral store, so a repetition goes on behind it. Between WeChat's yes and
    that note lies the one chance of a part being sent twice; a message twice is better than none.
    """

    kind = outbound.KIND

    def __init__(self, clients: Mapping[str, PlatformClient], windows: Windows, store: Ephemeral, clock: Clock) -> None:
        self._clients = clients
        self._windows = windows
        self._store = store
        self._clock = clock

    async def deliver(self, job: Job) -> Done | Again | Dead:
        """Send what is left of the job; never raises for what WeChat or the network does."""
        try:
            account, openid = str(job.payload["account"]), str(job.payload["openid"])
            parts = [outbound.unpacked(part) for part in job.payload["parts"]]
        except (KeyError, TypeError, ValueError):
            return Dead("bad_payload")
        client = self._clients.get(account)
        if client is None:
            return Dead("unknown_account")
        try:
            return await self._send(job, client, account, openid, parts)
        except WeChatError as no:
            if not no.retryable:
                return Dead(no.code, to_desk=not isinstance(no, _UNREACHABLE))
            return Again(no.code, self._until_midnight() if isinstance(no, QuotaSpent) else no.wait)
        except BotError as fault:
            return Again(fault.code) if fault.retryable else Dead(fault.code)

    async def _send(
        self, job: Job, client: PlatformClient, account: str, openid: str, parts: Sequence[Part]
    ) -> Done | Dead:
        key = f"wechat:sent:{job.id}"
        sent, spent = await self._progress(key)
        for place in range(sent, len(parts)):
            part = parts[place]
            if isinstance(part, HandOff):
                # Only the response to a message can hand over; past it the customer's next message does.
                log.info("wechat.hand_off_missed", job=job.id)
                continue
            if place != spent:
                if await self._windows.spend(account, openid) is Room.USED_UP:
                    return Dead("window_used_up", to_desk=False)
                await self._store.put(key, f"{place},{place}".encode(), _PROGRESS_TTL)
            await self._send_part(client, openid, part)
            await self._store.put(key, f"{place + 1},-1".encode(), _PROGRESS_TTL)
        return Done()

    async def _progress(self, key: str) -> tuple[int, int]:
        """Return how many parts were sent, and the part for which room in the window is taken already."""
        text = await self._store.get(key)
        if text is None:
            return 0, -1
        sent, _, spent = text.decode().partition(",")
        return int(sent), int(spent)

    def _until_midnight(self) -> float:
        """Return the seconds until the day's quota begins anew, at most the error's own wait."""
        local = self._clock.now().astimezone(SHANGHAI)
        passed = local.hour * 3600 + local.minute * 60 + local.second
        return min(float(86_400 - passed), QuotaSpent.wait)

    def body(self, openid: str, part: Text | Card) -> Mapping[str, Any]:
        """Return what is sent for a text or a card."""
        return outbound.custom_body(openid, part)

    async def _send_part(self, client: PlatformClient, openid: str, part: Part) -> None:
        if isinstance(part, Picture):
            media_id = await client.upload_png(part.png, part.name)
            await client.send_custom(outbound.custom_image(openid, media_id))
        elif not isinstance(part, HandOff):
            await client.send_custom(self.body(openid, part))
