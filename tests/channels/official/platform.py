"""A scripted api.weixin.qq.com: answers by path, remembers what was asked, and can be slow or away."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bot.channels.official.client import WeChatClient
from bot.kernel.clock import ManualClock
from bot.outside.http import Answer, NoAnswer
from tests.channels.fakes import FakeStore
from tests.channels.samples import account

TOKEN_PATH = "/cgi-bin/stable_token"
SEND = "/cgi-bin/message/custom/send"
OK = {"errcode": 0, "errmsg": "ok"}
RID = "66bdb248-1fa23ff9-58483015"


def no(errcode: int, errmsg: str = "no") -> dict[str, Any]:
    return {"errcode": errcode, "errmsg": f"{errmsg} rid: {RID}"}


@dataclass(frozen=True)
class Asked:
    """One request as it reached the platform."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    within: float

    def json(self) -> Any:
        return json.loads(self.body)


Say = Mapping[str, Any] | bytes | Exception | Callable[[Asked], Mapping[str, Any]]


class Platform:
    """Stands in for outside.http.HttpClient. The last answer of a path's script is repeated.

    Tokens are ``t1``, ``t2`` …; as at WeChat, one is handed out again until it is in its last five minutes or a new
    one is forced.
    """

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked: list[Asked] = []
        self.scripts: dict[str, list[Say]] = defaultdict(list)
        self.token_number = 0
        self.token_until = 0.0
        self.token_delay = 0.0
        self.refused: set[str] = set()

    def says(self, path: str, *answers: Say) -> None:
        self.scripts[path] = list(answers)

    def count(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)

    def last(self, path: str) -> Asked:
        return [asked for asked in self.asked if asked.path == path][-1]

    async def request(
        self,
        method: str,
        url: str,
        *,
        dest: str,
        within: float,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        parts = urlsplit(url)
        assert url.isascii() and dest == "wechat:main"
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        asked = Asked(method, parts.path, query, headers or {}, body, within)
        self.asked.append(asked)
        await asyncio.sleep(0)
        say = await self._say(asked)
        if isinstance(say, Exception):
            raise say
        return Answer(200, {}, say if isinstance(say, bytes) else json.dumps(say).encode())

    async def _say(self, asked: Asked) -> Mapping[str, Any] | bytes | Exception:
        script = self.scripts[asked.path]
        if asked.path == TOKEN_PATH and not script:
            if self.token_delay:
                await self.clock.sleep(self.token_delay)
            return self._token(force=asked.json()["force_refresh"])
        if asked.query.get("access_token") in self.refused:
            return no(40001, "invalid credential, access_token is invalid or not latest")
        say = OK if not script else script[0] if len(script) == 1 else script.pop(0)
        return say(asked) if callable(say) else say

    def _token(self, *, force: bool) -> Mapping[str, Any]:
        now = self.clock.now().timestamp()
        if force or self.token_until - now <= 300:
            self.token_number += 1
            self.token_until = now + 7200
        return {"access_token": f"t{self.token_number}", "expires_in": int(self.token_until - now)}


def away() -> Exception:
    return NoAnswer("timeout", dest="wechat:main", sent=True)


def client_of(platform: Platform, store: FakeStore) -> WeChatClient:
    return WeChatClient(account(), platform, store, platform.clock)  # type: ignore[arg-type]
