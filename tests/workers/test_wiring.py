"""The worker of the whole house: every kind of job that anybody enqueues has a deliverer and a schedule."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import wiring
from bot.cases.applications.moving import NOTICE as APPLICATION_NOTICE
from bot.cases.tickets import MESSAGE as TICKET_NEWS
from bot.channels.miniprogram import outbound as miniprogram
from bot.channels.official import outbound
from bot.channels.wire.push import Format
from bot.customers.reminders import JOB as REMINDER
from bot.jobs.outbox import enqueue
from bot.jobs.schedule import Schedule
from bot.kernel.clock import ManualClock, SystemClock
from bot.payments import work
from bot.payments.reconciliation.dispositions import ASK
from bot.settings import ConfigFile, Environment, Settings
from bot.storage.port import Tx
from bot.wiring import loops
from tests.jobs.rig import new, put, until

KINDS = {
    *(work.FULFIL, work.UNDO, work.REFUND_SUBMIT, work.REFUND_SURPLUS, work.RECEIPT, work.CASE, outbound.KIND, ASK),
    *(work.SHARE, work.SHARE_RETURN, work.DEDUCTION_NOTICE, work.REFUND_SUM, TICKET_NEWS, REMINDER, APPLICATION_NOTICE),
    miniprogram.KIND,
}


@pytest.fixture
def settings(sqlite_url: str) -> Settings:
    environment = Environment(
        database_url=sqlite_url,
        redis_url="memory://",
        public_url="http://127.0.0.1:1",
        secret_key="a secret of the tests, at least 32 long",  # type: ignore[arg-type]
    )
    return Settings(environment=environment, file=ConfigFile())


async def test_every_kind_has_a_deliverer_and_a_schedule(settings: Settings) -> None:
    async with wiring.open_house(settings, SystemClock()) as house:
        assert set(wiring.relay(house)._deliverers) == KINDS
    assert set(wiring.SCHEDULES) == KINDS
    assert all(isinstance(schedule, Schedule) for schedule in wiring.SCHEDULES.values())


def test_every_kind_of_the_payment_rooms_is_known() -> None:
    named = {value for name, value in vars(work).items() if name.isupper() and isinstance(value, str)}

    assert named - {work.ORDER_CHANNEL} <= KINDS


async def test_nothing_personal_of_a_message_lies_in_the_outbox(settings: Settings, tmp_path: Path) -> None:
    openid = "oCustomer0000000000000000001"
    async with wiring.open_house(settings, SystemClock()) as house:
        message = outbound.custom_job("main", openid, [], key="k", trace_id="t")
        await wiring.enqueue_all(house.database, house.vault, house.clock, [message])
        rows = await house.database.rows("SELECT kind, key, dest, payload, last_error, trace_id FROM outbox")
        assert openid not in str([tuple(row) for row in rows])  # type: ignore[arg-type]
    database = settings.environment.database_url.removeprefix("sqlite:///")
    files = [path for path in Path(database).parent.iterdir() if path.name.startswith(Path(database).name)]
    assert files and not any(openid.encode() in path.read_bytes() for path in files)


async def test_a_worker_that_falls_is_begun_anew(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """In ``serve`` nobody would notice: customers could pay, and no biller would be told."""
    falls = 0
    whole = wiring.run_worker

    async def fall_once(house: wiring.House) -> None:
        nonlocal falls
        falls += 1
        if falls == 1:
            raise RuntimeError("a mistake of ours")
        await whole(house)

    monkeypatch.setattr(loops, "run_worker", fall_once)
    async with wiring.open_house(settings, SystemClock()) as house, wiring.background(house, worker=True):
        job = new("x:y", kind=work.CASE, payload={"kind": "human", "key": "y", "subject": "s", "facts": {}})

        async def put(tx: Tx) -> None:
            await enqueue(tx, [job], house.clock.now())

        await house.database.effect(put)

        async def opened() -> bool:
            return bool(await house.database.rows("SELECT id FROM cases"))

        await until(opened)
    assert falls == 2


async def test_a_message_is_remembered_for_the_window_of_its_timestamp_on_both_sides(settings: Settings) -> None:
    file = ConfigFile.model_validate({"deadlines": {"timestamp_window": 120.0, "reply": 3.0}})
    async with wiring.open_house(settings.model_copy(update={"file": file}), SystemClock()) as house:
        assert (house.turns._pace.remember, house.turns._pace.answer_within) == (240.0, 3.0)


OFFICIAL = {"appid": "wx1", "secret": "s", "token": "t", "mode": "plain"}


@pytest.mark.parametrize(
    ("given", "taken"), [({}, None), ({"format": "json"}, Format.JSON), ({"format": "xml"}, Format.XML)]
)
def test_an_account_answers_as_it_is_asked_unless_a_format_is_set(
    settings: Settings, given: dict[str, str], taken: Format | None
) -> None:
    file = ConfigFile.model_validate({"official": {"main": {**OFFICIAL, **given}}})

    assert wiring.official_account("main", file.official["main"], settings).format == taken


async def test_what_is_old_and_only_explains_is_forgotten(settings: Settings) -> None:
    file = ConfigFile.model_validate({"retention": {"traces": 8, "jobs": 7}})
    clock = ManualClock(datetime(2026, 11, 23, 2, tzinfo=UTC))
    async with wiring.open_house(settings.model_copy(update={"file": file}), clock) as house:
        house.traces.note("trc_1", "dialogue", "a note")
        await house.traces.flush()
        await put(house.database, new("done"), new("waits"), new("dead"), now=clock.now())
        await house.database.effect(finish)
        kept = []
        for days in (7, 1, 1):
            clock.advance(days * 86_400.0)
            for round_ in wiring.rounds(house):
                if round_.name.startswith("old "):
                    await round_.work()
            kept.append(await left(house))

    assert kept == [(1, 3), (1, 2), (0, 2)]


async def finish(tx: Tx) -> None:
    for state, key in (("done", "done"), ("dead", "dead")):
        await tx.execute("UPDATE outbox SET state = $1, done_at = created_at WHERE key = $2", state, key)


async def left(house: wiring.House) -> tuple[int, int]:
    notes = await house.database.rows("SELECT seq FROM traces")
    return len(notes), len(await house.database.rows("SELECT id FROM outbox"))


async def test_a_start_waits_for_keys_only_a_moment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that is away must not keep a server away that could serve all else."""
    monkeypatch.setattr(loops, "_KEYS_WAIT", 0.01)
    asked, ended = asyncio.Event(), asyncio.Event()

    async def hang(house: wiring.House) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(loops, "refresh_gateways", hang)
    async with wiring.open_house(settings, SystemClock()) as house, wiring.background(house, worker=False):
        assert asked.is_set() and not ended.is_set()
    assert ended.is_set()
