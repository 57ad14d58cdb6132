"""What every app's URL does alike with a delivery: whose it is, whether its body is the first, how it is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

from bot.channels.app import WeChatApp
from bot.channels.wire.push import Door, Format, Push, seal, verify_url
from bot.kernel.errors import Forbidden, NotFound
from bot.storage.ephemeral_port import Ephemeral

App = TypeVar("App", bound=WeChatApp)

_CONTENT_TYPES: Final = {Format.XML: "application/xml", Format.JSON: "application/json"}


@dataclass(frozen=True, slots=True)
class Response:
    """What to answer with status 200; the text is UTF-8."""

    content_type: str
    body: bytes


SUCCESS: Final = Response("text/plain", b"success")


class Reception(Generic[App]):
    """The doors of several apps of one kind."""

    def __init__(self, apps: Sequence[App], store: Ephemeral) -> None:
        """Raise Misconfigured for an app whose settings would leave its door open."""
        self._apps = {app.key: (app, app.door()) for app in apps}
        self._store = store

    def find(self, account: str) -> tuple[App, Door]:
        """Return an app and its door; raise NotFound(``unknown_account``)."""
        found = self._apps.get(account)
        if found is None:
            raise NotFound("unknown_account")
        return found

    def verify(self, account: str, query: Mapping[str, str], now: datetime) -> str:
        """Return the echostr of a GET verification; raise NotFound, Unauthorized or Forbidden."""
        _, door = self.find(account)
        return verify_url(door, query, now)

    async def require_first_body(self, app: WeChatApp, door: Door, push: Push) -> None:
        """Refuse a second body under a signature that covers none (wechat.md §5); the first one came from WeChat."""
        key = f"wechat:signed:{app.key}:{push.signed_by}"
        first = await self._store.claim(key, push.key, 2 * door.window)
        if first is not None and first != push.key:
            raise Forbidden("signature_reused")


def answered(door: Door, push: Push, answer: bytes, now: datetime) -> Response:
    """Return the response that carries an answer in the form of its question; no answer is ``success``."""
    return Response(_CONTENT_TYPES[push.format], seal(door, push, answer, now)) if answer else SUCCESS


def trace_of(at: int, key: str) -> str:
    """Return an id that sorts by time and is the same for every delivery of a message, in whichever process."""
    return f"trc_{at:010x}{key[:16]}"
