"""Reminders: once a bill, before it is due, by day, only for who asked, and written down where they cannot be sent."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.channels.official.outbound import unpacked
from bot.customers.accounts import SavedAccounts
from bot.customers.identities import Identities
from bot.customers.reminders import JOB, Reminders
from bot.dialogue.reply import Text
from bot.jobs.payload import unpack
from bot.jobs.port import Again, Dead, Done, Job
from bot.kernel.clock import ManualClock
from bot.workers import reminding
from bot.workers.reminding import ReminderDeliverer, ReminderScan, quiet, reminder_rounds
from tests.dialogue.town import START, Town, open_town

DAYS = 3


class Channel:
    """The channel's own deliverer by script; what was sent, and what it answers."""

    kind = "official.custom"

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.answer: Done | Again | Dead = Done()

    async def deliver(self, job: Job) -> Done | Again | Dead:
        part = unpacked(job.payload["parts"][0])
        assert isinstance(part, Text)
        self.sent.append((job.payload["openid"], part.text))
        return self.answer


class Rig:
    """A town whose customers may be reminded."""

    def __init__(self, town: Town) -> None:
        self.town = town
        saved = SavedAccounts(town.database, town.vault, town.clock)
        self.reminders = Reminders(town.database, town.vault, town.clock, saved)
        self.scan = ReminderScan(self.reminders, town.catalogue, town.billers, town.clock, DAYS)
        self.channel = Channel()
        identities = Identities(town.database, town.vault, town.clock)
        self.deliverer = ReminderDeliverer(self.reminders, identities, self.channel, town.clock)

    @property
    def clock(self) -> ManualClock:
        assert isinstance(self.town.clock, ManualClock)
        return self.town.clock

    async def jobs(self) -> list[Job]:
        """What waits in the outbox, as the relay would lease it."""
        rows = await self.town.database.rows("SELECT * FROM outbox WHERE kind = $1 ORDER BY created_at, id", JOB)
        return [
            Job(r["id"], r["kind"], r["key"], r["dest"], unpack(r["payload"], self.town.vault), r["trace_id"], 1, START)
            for r in rows
        ]

    async def deliver(self) -> list[Done | Again | Dead]:
        return [await self.deliverer.deliver(job) for job in await self.jobs()]

    async def states(self) -> list[tuple[str, str]]:
        rows = await self.town.database.rows("SELECT state, reason FROM reminders ORDER BY created_at, id")
        return [(row["state"], row["reason"]) for row in rows]


@pytest.fixture
async def rig(sqlite_url: str) -> AsyncIterator[Rig]:
    async with open_town(sqlite_url, "memory://") as town:
        yield Rig(town)


async def ask(rig: Rig, *said: str, customer: str = "小陈") -> None:
    await rig.town.chat(*(said or ("查电费 0511111111", "叫我家", "取消", "到期提醒我")), customer=customer)


async def test_a_bill_is_told_of_once(rig: Rig) -> None:
    await ask(rig)

    assert await rig.scan.round() == 1
    assert await rig.deliver() == [Done()]

    [(openid, text)] = rig.channel.sent
    assert openid == "openid-小陈"
    assert "我家 电费（****1111）2026-10 待缴 128.50 元" in text
    assert "别提醒了" in text and "0511111111" not in text
    assert await rig.states() == [("sent", "")]
    for _ in range(3):
        rig.clock.advance(86_400)
        await rig.scan.round()
    assert len(await rig.jobs()) == 1
    assert await rig.deliver() == [Done()]
    assert len(rig.channel.sent) == 1


async def test_a_bill_is_told_of_only_when_it_is_nearly_due(rig: Rig) -> None:
    """The room owes one bill that is due on the 15th of December: three days before, and no day earlier."""
    await ask(rig, "查物业费 1-1-301", "林美华", "取消", "到期提醒我")
    told = []
    for day in range(21):
        await rig.scan.round()
        if await rig.jobs():
            told.append(START.date() + timedelta(days=day))
            break
        rig.clock.advance(86_400)

    assert [f"{day}" for day in told] == ["2026-12-12"]
    await rig.deliver()
    assert "请在 2026-12-15 前缴纳" in rig.channel.sent[0][1]


async def test_who_did_not_ask_or_has_stopped_is_told_nothing(rig: Rig) -> None:
    await ask(rig, "查电费 0511111111", "取消", customer="老王")
    assert await rig.scan.round() == 0

    await ask(rig)
    await rig.scan.round()
    assert "不再提醒" in await rig.town.say("别提醒了")
    assert await rig.deliver() == [Done()]
    assert rig.channel.sent == []
    assert await rig.states() == [("dropped", "stopped")]
    rig.clock.advance(3 * 86_400)
    assert await rig.scan.round() == 0


async def test_an_account_that_is_saved_later_is_looked_after_too(rig: Rig) -> None:
    await ask(rig, "到期提醒我", "查电费 0511111111", "取消")

    assert await rig.scan.round() == 1
    assert len(await rig.jobs()) == 1


async def test_a_consent_stands_as_long_as_the_wish(rig: Rig) -> None:
    await ask(rig, "到期提醒我", "到期提醒我", "别提醒了", "到期提醒我")
    rows = await rig.town.database.rows("SELECT purpose, withdrawn_at FROM consents ORDER BY given_at")

    assert [(row["purpose"], row["withdrawn_at"] is None) for row in rows] == [
        ("reminders", False),
        ("reminders", True),
    ]


@pytest.mark.parametrize(
    ("hour", "minute", "wait"),
    [(7, 59, 60.0), (8, 0, 0.0), (21, 59, 0.0), (22, 0, 36_000.0), (0, 0, 28_800.0), (12, 0, 0.0)],
)
def test_nights_are_quiet(hour: int, minute: int, wait: float) -> None:
    assert quiet(datetime(2026, 11, 23, hour, minute, tzinfo=UTC) - timedelta(hours=8)) == wait


async def test_nothing_is_looked_at_or_sent_at_night(rig: Rig) -> None:
    await ask(rig)
    await rig.scan.round()
    rig.clock.advance(13 * 3600)  # Eleven at night.

    assert await rig.scan.round() == 0
    [answer] = await rig.deliver()
    assert isinstance(answer, Again)
    assert answer.after is not None and 8 * 3600 < answer.after <= 9 * 3600
    assert rig.channel.sent == []
    assert await rig.states() == [("queued", "")]


async def test_what_cannot_be_sent_is_written_down_and_on_no_desk(rig: Rig) -> None:
    await ask(rig)
    await rig.scan.round()
    rig.channel.answer = Dead("window_used_up", to_desk=False)

    assert await rig.deliver() == [Done()]
    assert await rig.states() == [("unsent", "window_used_up")]


async def test_a_channel_that_stays_away_is_given_up_quietly(rig: Rig) -> None:
    await ask(rig)
    await rig.scan.round()
    rig.channel.answer = Again("busy", 5.0)
    [job] = await rig.jobs()

    assert await rig.deliverer.deliver(job) == Again("busy", 5.0)
    late: Any = Job(job.id, job.kind, job.key, job.dest, job.payload, job.trace_id, 9, job.created_at)
    assert await rig.deliverer.deliver(late) == Done()
    assert await rig.states() == [("unsent", "busy")]


async def test_who_has_left_is_not_written_to(rig: Rig) -> None:
    await ask(rig)
    await rig.scan.round()
    await rig.town.execute("UPDATE identities SET reachable = 0")

    assert await rig.deliver() == [Done()]
    assert await rig.states() == [("unsent", "unreachable")]


async def test_a_silent_biller_is_asked_again_in_an_hour_and_a_paid_bill_is_no_news(rig: Rig) -> None:
    await ask(rig)
    rig.town.power.silent = True
    assert await rig.scan.round() == 1
    assert await rig.scan.round() == 0
    rig.clock.advance(3_700)
    rig.town.power.silent = False
    rig.town.power.meters["0511111111"] = []

    assert await rig.scan.round() == 1
    assert await rig.jobs() == []


async def test_a_page_is_bounded_and_two_workers_share_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminding, "_TAKEN", 2)
    for number in range(5):
        await ask(rig, "查电费 0511111111", "取消", "到期提醒我", customer=f"客{number}")
    asked = len(rig.town.power.asked)

    assert await rig.scan.round() == 2
    due = await rig.reminders.due(10)
    assert len(due) == 3
    assert await rig.reminders.take(due[0], rig.clock.now() + timedelta(hours=1))
    assert not await rig.reminders.take(due[0], rig.clock.now() + timedelta(hours=1))
    assert await rig.scan.round() == 2
    assert len(rig.town.power.asked) - asked == 4
    assert [each.name for each in reminder_rounds(rig.scan)] == ["reminders"]


async def test_the_scan_walks_its_index(rig: Rig) -> None:
    plan = await rig.town.database.rows(
        "EXPLAIN QUERY PLAN SELECT id FROM saved_accounts WHERE remind_at IS NOT NULL AND remind_at <= 5 "
        "ORDER BY remind_at, id LIMIT 50"
    )

    assert "ix_saved_accounts_remind_at" in str([row["detail"] for row in plan])


async def test_nothing_personal_stands_in_the_outbox_or_the_book(rig: Rig) -> None:
    await ask(rig)
    await rig.scan.round()
    rows = [
        *await rig.town.database.rows("SELECT key, dest, payload FROM outbox WHERE kind = $1", JOB),
        *await rig.town.database.rows("SELECT * FROM reminders"),
    ]

    written = str([tuple(row) for row in rows])  # type: ignore[arg-type]
    assert "0511111111" not in written and "我家" not in written
