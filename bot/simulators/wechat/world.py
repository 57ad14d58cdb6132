"""The state of the simulated platform: accounts' books, contacts with their chats, and what happened."""

import asyncio
import itertools
import secrets
from collections import Counter, deque
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
from aiohttp import web

from bot.simulators.clock import Clock
from bot.simulators.wechat.faults import Faults
from bot.simulators.wechat.hub import Hub
from bot.simulators.wechat.plan import Account, Person, WeChatPlan
from bot.simulators.wechat.tokens import Tokens
from bot.simulators.wechat.windows import Quotas, Windows

Entry = dict[str, Any]

# A plan without people still has somebody to hold the phone.
VISITOR = Person(openid="oSimulatedVisitor00000000001", nickname="访客", follows=False)
CHAT_ENTRIES = 500
CALLS_KEPT = 20_000


@dataclass(slots=True)
class Contact:
    """One person at one account: following, windows, grants and the chat."""

    person: Person
    account_appid: str
    openid: str
    follows: bool
    followed_at: datetime
    scene: str = "ADD_SCENE_SEARCH"
    qr_scene: str = ""
    blocked: bool = False
    typing_until: datetime | None = None
    last_message_at: datetime | None = None
    windows: Windows = field(default_factory=Windows)
    grants: Counter[str] = field(default_factory=Counter)
    chat: deque[Entry] = field(default_factory=lambda: deque(maxlen=CHAT_ENTRIES))


@dataclass(slots=True)
class Media:
    """A temporary file of an account, or a picture a user sent."""

    kind: str
    content_type: str
    data: bytes
    created: datetime


@dataclass(slots=True)
class SceneCode:
    """A parametric QR code: what its ticket stands for."""

    ticket: str
    url: str
    scene: str
    appid: str
    expires: datetime | None


@dataclass(slots=True)
class Book:
    """Everything the platform keeps for one account."""

    appid: str
    tokens: Tokens = field(default_factory=Tokens)
    quotas: Quotas = field(default_factory=Quotas)
    menu: dict[str, Any] | None = None
    contacts: dict[str, Contact] = field(default_factory=dict)
    media: dict[str, Media] = field(default_factory=dict)
    permanent_codes: int = 0
    jsapi_ticket: str = ""
    jsapi_expires: datetime | None = None


class World:
    """One simulated platform; single-threaded, changed only by its own handlers."""

    def __init__(self, plan: WeChatPlan, clock: Clock) -> None:
        self.plan = plan
        self.clock = clock
        self.faults = Faults()
        self.hub = Hub()
        self.calls: deque[dict[str, Any]] = deque(maxlen=CALLS_KEPT)
        self.codes: dict[str, SceneCode] = {}
        self.pushes = Counter[str]()
        self.current = ""
        self._books: dict[str, Book] = {}
        self._people: dict[str, Person] = {}
        self._sequence = itertools.count(1)
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.replan(plan)

    def replan(self, plan: WeChatPlan) -> None:
        """Take a new plan; what people did so far stays."""
        self.plan = plan
        for person in plan.users:
            self.add_person(person)
        if not self._people:
            self.add_person(VISITOR)

    @property
    def session(self) -> aiohttp.ClientSession:
        """The client for pushes; lives as long as the application."""
        if self._session is None:
            raise RuntimeError("the simulator is not running")
        return self._session

    async def alive(self, app: web.Application) -> AsyncIterator[None]:
        """Cleanup context: opens the client session, ends streams and pushes at the end."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, connect=10),
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
        )
        yield
        self.hub.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something after the answer to a call has gone out; ends with the application."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.note("fault", "模拟器内部错误", repr(task.exception()))

    def add_person(self, person: Person) -> None:
        """Know a person, or replace the names of one already known."""
        self._people[person.openid] = person
        self.current = self.current or person.openid
        for book in self._books.values():
            for contact in book.contacts.values():
                if contact.person.openid == person.openid:
                    contact.person = person

    def people(self) -> list[Person]:
        """All people of this platform."""
        return list(self._people.values())

    def book(self, account: Account) -> Book:
        """The book of an account."""
        return self._books.setdefault(account.appid, Book(account.appid))

    def contact(self, account: Account, openid: str) -> Contact | None:
        """The contact with this openid at this account; also found by the person's first openid."""
        contacts = self.book(account).contacts
        if openid in contacts:
            return contacts[openid]
        first = self.plan.accounts[0]
        for person in self._people.values():
            own = person.openid_at(account, first)
            if openid in (own, person.openid):
                return contacts.setdefault(own, Contact(person, account.appid, own, person.follows, self.clock.now()))
        return None

    def msgid(self) -> int:
        """A message id: int64 above 2**53, as the platform's are."""
        micros = int(self.clock.now().timestamp()) * 1_000_000
        return micros * 14 + next(self._sequence)

    def log(self, contact: Contact, entry: Entry) -> Entry:
        """Put an entry into a chat and show it on the phones that look at it."""
        entry = {"id": f"m{next(self._sequence)}", "at": stamp(self.clock.now()), **entry}
        contact.chat.append(entry)
        self.tell(contact, {"type": "message", "entry": entry})
        return entry

    def tell(self, contact: Contact, event: dict[str, Any]) -> None:
        """Send a phone event about one contact."""
        self.hub.publish({"for": contact.openid, "appid": contact.account_appid, **event})

    def note(self, kind: str, title: str, detail: str = "", *, ref: str = "", trace_id: str = "") -> None:
        """An event for the developer's strip, told from the platform's side."""
        self.hub.publish(
            {
                "type": "trail",
                "side": "wechat",
                "at": stamp(self.clock.now()),
                "trace_id": trace_id,
                "kind": kind,
                "title": title,
                "detail": detail,
                "ref": ref,
            },
            keep=True,
        )


WORLD = web.AppKey("WORLD", World)


def stamp(at: datetime) -> str:
    """ISO time as the pages read it."""
    return at.isoformat(timespec="milliseconds")


def masked(openid: str) -> str:
    """An openid short enough for the strip and useless to anybody else."""
    return f"{openid[:4]}…{openid[-4:]}" if len(openid) > 10 else openid


def rid() -> str:
    """The request id at the end of every error message: three groups of eight hex digits."""
    return "-".join(secrets.token_hex(4) for _ in range(3))
