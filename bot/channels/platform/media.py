"""Pictures that customers sent, fetched from WeChat's own store by their ids and from nowhere else."""

import re
from collections.abc import Mapping
from typing import Final

from bot.channels.platform.client import PlatformClient
from bot.kernel.errors import BadRequest, NotFound

_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,128}", re.ASCII)


class MediaStore:
    """Implements ``bot.dialogue.pictures.Media`` over the clients of all apps."""

    def __init__(self, clients: Mapping[str, PlatformClient]) -> None:
        self._clients = clients

    async def picture(self, account: str, media_id: str) -> bytes:
        """Return a picture; raises NotFound for an unknown account, BadRequest for no id, and as the client does."""
        client = self._clients.get(account)
        if client is None:
            raise NotFound("unknown_account")
        if _ID.fullmatch(media_id) is None:
            raise BadRequest("media_id", "an id as WeChat's message names it")
        return await client.get_media(media_id)
