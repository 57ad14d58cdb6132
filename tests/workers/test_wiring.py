"""The worker of the whole house: every kind of job that anybody enqueues has a deliverer and a schedule."""

from pathlib import Path

import pytest

from bot import wiring
from bot.channels.official import outbound
from bot.jobs.outbox import enqueue
from bot.jobs.schedule import Schedule
from bot.kernel.clock import SystemClock
from bot.payments import work
from bot.settings import ConfigFile, Environment, Settings
from bot.storage.port import Tx
from bot.wiring import loops
from tests.jobs.rig import new, until

KINDS = {work.FULFIL, work.UNDO, work.REFUND_SUBMIT, work.REFUND_SURPLUS, work.RECEIPT, work.CASE, outbound.KIND}


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
