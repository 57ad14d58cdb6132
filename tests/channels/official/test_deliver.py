"""The outbox's deliverer: order kept, nothing sent twice without need, nothing tried in vain."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from bot.channels.official import outbound
from bot.channels.official.client import WeChatClient
from bot.channels.official.deliver import CustomDeliverer
from bot.channels.official.quota import Room, Trigger, Windows
from bot.dialogue.reply import Card, HandOff, Part, Picture, Text
from bot.jobs.port import Again, Dead, Done, Job
from bot.kernel.clock import ManualClock
from tests.channels.fakes import FakeStore
from tests.channels.official.platform import OK, SEND, TOKEN_PATH, Platform, away, no
from tests.channels.samples import NOW, OPENID

PARTS: tuple[Part, ...] = (Text("一"), Picture(b"png", "a.png"), Card("二", "x", "https://a.example/"), Text("三"))


@pytest.fixture
def windows(store: FakeStore) -> Windows:
    return Windows(store)


@pytest.fixture
def deliverer(client: WeChatClient, windows: Windows, store: FakeStore, clock: ManualClock) -> CustomDeliverer:
    return CustomDeliverer({"main": client}, windows, store, clock)


def job(parts: Sequence[Part], attempt: int = 1, changes: Mapping[str, Any] | None = None) -> Job:
    new = outbound.custom_job("main", OPENID, parts, key="k", trace_id="t")
    return Job("job_1", new.kind, new.key, new.dest, {**new.payload, **(changes or {})}, "t", attempt, NOW)


def sent(platform: Platform) -> list[str]:
    bodies = [asked.json() for asked in platform.asked if asked.path == SEND]
    return [body["text"]["content"] if body["msgtype"] == "text" else body["msgtype"] for body in bodies]


@pytest.fixture(autouse=True)
def media(platform: Platform) -> None:
    platform.says("/cgi-bin/media/upload", {"media_id": "M"})


async def test_all_parts_in_their_order(deliverer: CustomDeliverer, platform: Platform) -> None:
    assert deliverer.kind == "official.custom"
    assert await deliverer.deliver(job(PARTS)) == Done()
    assert sent(platform) == ["一", "image", "news", "三"]
    assert {asked.json()["touser"] for asked in platform.asked if asked.path == SEND} == {OPENID}


async def test_a_repetition_goes_on_behind_what_was_sent(deliverer: CustomDeliverer, platform: Platform) -> None:
    platform.says(SEND, OK, OK, away(), OK)

    assert await deliverer.deliver(job(PARTS)) == Again("timeout")
    assert await deliverer.deliver(job(PARTS, 2)) == Done()
    assert sent(platform) == ["一", "image", "news", "news", "三"]
    assert await deliverer.deliver(job(PARTS, 3)) == Done()
    assert len(sent(platform)) == 5


async def test_a_lost_store_sends_again_rather_than_never(
    deliverer: CustomDeliverer, platform: Platform, store: FakeStore
) -> None:
    await deliverer.deliver(job([Text("一")]))
    store.flush()

    assert await deliverer.deliver(job([Text("一")], 2)) == Done()
    assert sent(platform) == ["一", "一"]


UNREACHABLE = frozenset({45015, 45047, 43101, 43004, 48002})


@pytest.mark.parametrize("code", [*sorted(UNREACHABLE), 40003, 48001, 45002, 40164, 99999])
async def test_refusals_are_not_tried_again(deliverer: CustomDeliverer, platform: Platform, code: int) -> None:
    platform.says(SEND, no(code))

    wanted = Dead(f"wechat_{code}", to_desk=code not in UNREACHABLE)
    assert await deliverer.deliver(job([Text("一"), Text("二")])) == wanted
    assert platform.count(SEND) == 1


@pytest.mark.parametrize(("code", "after"), [(45011, 60.0), (45009, 1800.0)])
async def test_what_is_too_much_is_tried_later(
    deliverer: CustomDeliverer, platform: Platform, code: int, after: float
) -> None:
    platform.says(SEND, no(code))

    assert await deliverer.deliver(job([Text("一")])) == Again(f"wechat_{code}", after)


async def test_a_day_quota_is_tried_again_at_midnight_in_shanghai(
    deliverer: CustomDeliverer, platform: Platform, clock: ManualClock
) -> None:
    platform.says(SEND, no(45009))
    midnight = NOW.replace(hour=16, minute=0, second=0)
    clock.advance((midnight - NOW - timedelta(seconds=90)).total_seconds())

    assert await deliverer.deliver(job([Text("一")])) == Again("wechat_45009", 90.0)


async def test_no_answer_is_tried_again_on_the_jobs_own_schedule(
    deliverer: CustomDeliverer, platform: Platform
) -> None:
    platform.says(TOKEN_PATH, away())

    assert await deliverer.deliver(job([Text("一")])) == Again("timeout")


async def test_a_window_that_is_used_up_costs_no_call(
    deliverer: CustomDeliverer, platform: Platform, windows: Windows
) -> None:
    await windows.note("main", OPENID, Trigger.CLICK)

    four = job([Text("1"), Text("2"), Text("3"), Text("4")])
    assert await deliverer.deliver(four) == Dead("window_used_up", to_desk=False)
    assert sent(platform) == ["1", "2", "3"]


async def test_repetitions_take_room_once(deliverer: CustomDeliverer, platform: Platform, windows: Windows) -> None:
    await windows.note("main", OPENID, Trigger.MESSAGE)
    platform.says(SEND, away())
    for attempt in range(1, 9):
        assert await deliverer.deliver(job([Text("一")], attempt)) == Again("timeout")

    assert [await windows.spend("main", OPENID) for _ in range(5)] == [Room.YES] * 4 + [Room.USED_UP]


async def test_a_late_hand_off_is_left_out(deliverer: CustomDeliverer, platform: Platform) -> None:
    assert await deliverer.deliver(job([Text("一"), HandOff(), Text("二")])) == Done()
    assert sent(platform) == ["一", "二"]


@pytest.mark.parametrize(
    "changes",
    [{"parts": [{"kind": "video"}]}, {"parts": [{}]}, {"parts": None}, {"parts": ["x"]}, {"account": "other"}],
)
async def test_a_job_that_nobody_can_carry_out(
    deliverer: CustomDeliverer, platform: Platform, changes: dict[str, Any]
) -> None:
    assert isinstance(await deliverer.deliver(job([Text("一")], changes=changes)), Dead)
    assert not platform.asked


async def test_a_store_that_is_away_is_waited_for(deliverer: CustomDeliverer, store: FakeStore) -> None:
    store.away = True

    assert await deliverer.deliver(job([Text("一")])) == Again("store_away")
