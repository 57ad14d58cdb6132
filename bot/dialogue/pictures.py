"""What a picture in the chat stands for: one of our codes, an account of a bill, or a code that is not for us."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from bot.billers.catalogue import Catalogue
from bot.billers.codes import read_code
from bot.billers.items import InputField
from bot.dialogue.scene import Context, Scene
from bot.kernel.errors import BotError, NotFound
from bot.kernel.masking import mask_account
from bot.kernel.text import normalise
from bot.outside.logging import get_logger
from bot.storage.port import Database
from qrcodes.payment_code import read_payment_code
from qrcodes.tokens import token_of

log = get_logger(__name__)

# What no account is: a pattern that takes this takes anything, and says nothing about a code.
_NONSENSE: Final = ("§ ~ §", "zz§zz")
_LINK: Final = re.compile(r"^[a-z][a-z0-9+.-]{1,15}://|^www\.|^[\w-]+(?:\.[\w-]+)+/", re.IGNORECASE)
# 户号:0512345678 and the like: what a printed bill puts before the number.
_LABEL: Final = re.compile(r"^[^\d:：=]{1,12}[:：=]\s*(?=\S)")
_CHOICES_MAX: Final = 8

Trouble = Literal["picture_failed", "picture_none", "picture_foreign", "picture_payment_code", "picture_strange"]


class Media(Protocol):
    """The channel's own store of what customers send."""

    async def picture(self, account: str, media_id: str) -> bytes:
        """Return a picture that a customer sent to an account; raises a BotError where it cannot be had."""
        ...


class Reader(Protocol):
    """Reads codes out of a picture."""

    async def read(self, picture: bytes) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Thing:
    """Something to start: one of our codes by its token, or the query of an item for an account."""

    kind: Literal["token", "account"]
    key: str
    label: str
    value: str = field(default="", repr=False)

    @property
    def choice(self) -> str:
        """The key of the numbered choice that starts it."""
        return f"see:{self.kind}:{self.key}:{self.value}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a picture holds: things to start, or the reason why there are none, which is the code of its message."""

    things: tuple[Thing, ...] = ()
    trouble: Trouble = "picture_none"


class Pictures:
    """Fetches a picture from the channel by its id, reads its codes and tells them apart.

    An address in a code is never opened. A payment code is as good as cash: it is refused, kept nowhere, never logged.
    """

    def __init__(
        self,
        media: Media,
        reader: Reader,
        database: Database,
        catalogue: Catalogue,
        scenes: Mapping[str, Scene],
        public_url: str,
    ) -> None:
        self._media = media
        self._reader = reader
        self._database = database
        self._catalogue = catalogue
        self._scenes = scenes
        self._public_url = public_url

    async def look(self, context: Context, media_id: str) -> Seen:
        """Return what a picture of the customer stands for."""
        try:
            picture = await self._media.picture(context.account, media_id)
            texts = await self._reader.read(picture)
        except BotError as fault:
            log.info("picture.not_read", code=fault.code, trace_id=context.trace_id)
            return Seen(trouble="picture_failed")
        return await self._told_apart(context, texts)

    async def _told_apart(self, context: Context, texts: Sequence[str]) -> Seen:
        if not texts:
            return Seen()
        if any(read_payment_code(text) is not None for text in texts):
            return Seen(trouble="picture_payment_code")
        things: dict[str, Thing] = {}
        foreign = False
        for text in texts:
            token = token_of(text, self._public_url)
            if token is not None:
                things[token] = Thing("token", token, await self._name_of(token))
            elif _LINK.match(text):
                foreign = True
            else:
                things.update({thing.choice: thing for thing in await self._accounts(context, text)})
        if things:
            return Seen(tuple(things.values())[:_CHOICES_MAX])
        return Seen(trouble="picture_foreign" if foreign else "picture_strange")

    async def _accounts(self, context: Context, text: str) -> list[Thing]:
        """Return the queries that a number can start: of every open item whose account it is by its form."""
        said = normalise(_LABEL.sub("", text))
        found: list[Thing] = []
        for key in self._scenes:
            for item in await self._catalogue.items(key, context.merchants):
                value = _account(item.definition.account, said)
                if value is not None:
                    label = " ".join((item.merchant_short_name, item.name, mask_account(value)))
                    found.append(Thing("account", item.id, label, value))
        return found

    async def _name_of(self, token: str) -> str:
        """Return what the holder of a code is called; a code that is none any more is named when it is chosen."""
        try:
            code = await read_code(self._database, token)
            merchant = await self._catalogue.merchant(code.merchant_id)
            store = await self._catalogue.store(code.store_id) if code.store_id is not None else None
        except NotFound:
            return "…"
        return " ".join(filter(None, (merchant.short_name, store.name if store is not None else "")))


def _account(asked: InputField | None, said: str) -> str | None:
    """Return a number in the canonical form of an account, if it is one by a pattern that tells anything."""
    if asked is None or asked.choices or any(_accepts(asked, text) for text in _NONSENSE):
        return None
    value = asked.canonical(said)
    return value if value and asked.accepts(value) else None


def _accepts(asked: InputField, text: str) -> bool:
    return asked.accepts(asked.canonical(text))
