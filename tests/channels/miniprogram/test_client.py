"""The calls that only a mini-program makes, the deliverer, and what is learnt of a follower."""

from collections.abc import Mapping
from typing import Any

import pytest

from bot.channels.miniprogram.client import MiniClient, Phone
from bot.channels.miniprogram.deliver import MiniDeliverer
from bot.channels.miniprogram.quota import WINDOWS
from bot.channels.official import outbound
from bot.channels.official.client import WeChatClient
from bot.channels.official.introductions import Introductions
from bot.channels.official.quota import Trigger, Windows
from bot.channels.platform.errors import BadCode, TooFast, WeChatError
from bot.customers.identities import Customer
from bot.dialogue.event import Event, Left, Noted, Said
from bot.dialogue.reply import Card, Reply, Text
from bot.jobs.port import Dead, Done, Job
from bot.kernel.clock import ManualClock
from bot.kernel.errors import GatewayTrouble
from tests.channels.fakes import FakeStore
from tests.channels.miniprogram.rig import program
from tests.channels.official.platform import SEND, Platform, away, client_of, no
from tests.channels.samples import NOW, OPENID

LOGIN = "/sns/jscode2session"
PHONE = "/wxa/business/getuserphonenumber"
USER = "/cgi-bin/user/info"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def store(clock: ManualClock) -> FakeStore:
    return FakeStore(clock)


@pytest.fixture
def platform(clock: ManualClock) -> Platform:
    return Platform(clock)


@pytest.fixture
def client(platform: Platform, store: FakeStore) -> MiniClient:
    return MiniClient(program(key="main"), platform, store, platform.clock)  # type: ignore[arg-type]


async def test_a_login_code(client: MiniClient, platform: Platform) -> None:
    platform.says(LOGIN, {"openid": OPENID, "session_key": "tiihtNczf5v6AKRyjwEUhQ==", "unionid": "u1"})
    found = await client.visitor("0a1b")

    assert (found.openid, found.unionid, found.session_key.reveal()) == (OPENID, "u1", "tiihtNczf5v6AKRyjwEUhQ==")
    assert "tiihtNczf5v6AKRyjwEUhQ" not in repr(found) and OPENID not in repr(found)
    asked = platform.last(LOGIN)
    assert asked.query["js_code"] == "0a1b" and asked.query["grant_type"] == "authorization_code"
    assert "access_token" not in asked.query


async def test_no_unionid_outside_an_open_platform(client: MiniClient, platform: Platform) -> None:
    platform.says(LOGIN, {"openid": OPENID, "session_key": "k"})
    assert (await client.visitor("0a1b")).unionid is None


@pytest.mark.parametrize(
    ("code", "fault"), [(40029, BadCode), (40163, BadCode), (45011, TooFast), (40226, WeChatError)]
)
async def test_a_login_code_that_is_refused(
    client: MiniClient, platform: Platform, code: int, fault: type[WeChatError]
) -> None:
    platform.says(LOGIN, no(code))
    with pytest.raises(fault) as caught:
        await client.visitor("0a1b")
    assert caught.value.errcode == code


@pytest.mark.parametrize("answer", [{}, {"openid": OPENID}, {"openid": 1, "session_key": "k"}])
async def test_an_answer_that_is_none(client: MiniClient, platform: Platform, answer: Mapping[str, Any]) -> None:
    platform.says(LOGIN, answer)
    with pytest.raises(GatewayTrouble):
        await client.visitor("0a1b")


async def test_a_phone_number(client: MiniClient, platform: Platform) -> None:
    info = {"phoneNumber": "+8613800138000", "purePhoneNumber": "13800138000", "countryCode": 86}
    platform.says(PHONE, {"errcode": 0, "phone_info": info})

    assert await client.phone("e31968a7") == Phone("13800138000", "86")
    assert platform.last(PHONE).json() == {"code": "e31968a7"}


async def test_a_deliverer_sends_what_a_mini_program_can(
    client: MiniClient, platform: Platform, store: FakeStore, clock: ManualClock
) -> None:
    windows = Windows(store, WINDOWS, channel="mini")
    deliverer = MiniDeliverer({"main": client}, windows, store, clock)
    parts = (Text("一"), Card("二", "x", "https://a.example/"), Text("三"))
    new = outbound.custom_job("main", OPENID, parts, key="k", trace_id="t", channel="mini")
    job = Job("job_1", new.kind, new.key, new.dest, new.payload, "t", 1, NOW)

    assert new.kind == deliverer.kind == "mini.custom"
    await windows.note("main", OPENID, Trigger.ENTER)
    assert await deliverer.deliver(job) == Dead("window_used_up", to_desk=False)
    await windows.note("main", OPENID, Trigger.MESSAGE)
    assert await deliverer.deliver(job) == Done()
    kinds = [asked.json()["msgtype"] for asked in platform.asked if asked.path == SEND]
    assert kinds == ["text", "link", "text"]


class Book:
    """Stands in for Identities."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    async def recognise(self, channel: str, account: str, subject: str, *, unionid: str) -> Customer:
        self.told.append((channel, account, subject, unionid))
        return Customer("cus_1", "zh_hans")


def _event(what: Any = None, channel: str = "official") -> Event:
    return Event("k", channel, "main", OPENID, NOW, "t", what or Said("你好"))


async def _silence(event: Event) -> Reply:
    return Reply((Text("好"),))


@pytest.fixture
def official(platform: Platform, store: FakeStore) -> WeChatClient:
    return client_of(platform, store)


async def test_a_follower_is_introduced_once(platform: Platform, store: FakeStore, official: WeChatClient) -> None:
    book = Book()
    handler = Introductions(_silence, book, {"main": official}, store)  # type: ignore[arg-type]
    platform.says(USER, {"subscribe": 1, "openid": OPENID, "unionid": "u1"})
    for _ in range(3):
        assert await handler.answer(_event()) == Reply((Text("好"),))

    assert book.told == [("official", "main", OPENID, "u1")] and platform.count(USER) == 1


async def test_an_introduction_that_fails_costs_no_answer(
    platform: Platform, store: FakeStore, official: WeChatClient
) -> None:
    book = Book()
    handler = Introductions(_silence, book, {"main": official}, store)  # type: ignore[arg-type]
    platform.says(USER, away(), {"unionid": "u1"})
    for _ in range(2):
        assert await handler.answer(_event()) == Reply((Text("好"),))

    assert len(book.told) == 1
    store.away = True
    assert await handler.answer(_event()) == Reply((Text("好"),))


@pytest.mark.parametrize("event", [_event(channel="mini"), _event(Left()), _event(Noted("x", {}))])
async def test_nobody_else_is_introduced(
    platform: Platform, store: FakeStore, official: WeChatClient, event: Event
) -> None:
    handler = Introductions(_silence, Book(), {"main": official}, store)  # type: ignore[arg-type]
    await handler.answer(event)

    assert platform.count(USER) == 0
