"""Customers are written to at each step that somebody else made with their application, in their own script."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.cases.applications.values import Progress
from bot.channels.official.outbound import unpacked
from bot.customers.identities import Identities
from bot.dialogue.reply import Text
from bot.jobs.port import Done, Job, NewJob
from bot.kernel.clock import SystemClock
from bot.settings import ConfigFile, Environment, Settings
from bot.wiring.rooms import applications_room
from bot.workers.applications import ApplicationNotice
from tests.cases.bureau import OPENING, Bureau, open_bureau

OPENID = "oCustomer0000000000000000001"


@pytest.fixture
async def bureau(sqlite_url: str) -> AsyncIterator[Bureau]:
    async with open_bureau(sqlite_url) as opened:
        yield opened


async def handed_in(bureau: Bureau, *, script: str = "zh_hans", channel: str = "official") -> Progress:
    identities = Identities(bureau.database, bureau.vault, bureau.clock)
    customer = await identities.recognise("official", "main", OPENID, script=script)
    new = replace(bureau.new("account_opening", OPENING), customer_id=customer.id, channel=channel)
    found = await bureau.applications.submit(new)
    assert isinstance(found, Progress)
    return found


async def told(bureau: Bureau) -> list[str]:
    """Deliver every notice and return the texts."""
    queued: list[NewJob] = []

    async def enqueue(jobs: Sequence[NewJob]) -> None:
        queued.extend(jobs)

    identities = Identities(bureau.database, bureau.vault, bureau.clock)
    deliverer = ApplicationNotice(bureau.database, identities, enqueue, bureau.applications)
    for row in await bureau.rows("SELECT * FROM outbox WHERE kind = $1 ORDER BY created_at", deliverer.kind):
        payload = json.loads(row["payload"])
        job = Job(row["id"], row["kind"], row["key"], row["dest"], payload, row["trace_id"], 1, bureau.clock.now())
        assert isinstance(await deliverer.deliver(job), Done)
    parts = [unpacked(part) for job in queued for part in job.payload["parts"]]
    return [part.text for part in parts if isinstance(part, Text)]


async def test_each_step_is_told_with_its_number(bureau: Bureau) -> None:
    found = await handed_in(bureau)
    await bureau.decide(found, "documents", note="公司章程")
    [asked] = await told(bureau)
    assert found.number in asked
    assert "请补充：公司章程" in asked

    again = await handed_in(bureau)
    await bureau.decide(again, "approve")
    await bureau.decide(again, "done", note="KH-1")
    assert [text.rpartition("：")[2] for text in (await told(bureau))[1:]] == [
        "初审通过，等待复核",
        "审批通过，正在办理",
        "已办结",
    ]


async def test_a_refusal_is_told_in_the_customers_script(bureau: Bureau) -> None:
    await bureau.decide(await handed_in(bureau, script="en"), "reject", note="address")
    [text] = await told(bureau)

    assert "not approved" in text
    assert "Reason: address" in text


async def test_who_cannot_be_written_to_is_not(bureau: Bureau) -> None:
    await bureau.decide(await handed_in(bureau, channel="mbank"), "reject", note="x")

    assert await told(bureau) == []


async def test_the_banks_own_terms_are_those_of_the_configuration(bureau: Bureau) -> None:
    environment = Environment(secret_key="a secret of the tests, at least 32 long")  # type: ignore[arg-type]
    file = ConfigFile.model_validate({"trade": {"placement_rate": "0.02"}})
    room = applications_room(Settings(environment=environment, file=file), bureau.database, bureau.vault, SystemClock())
    facts = {"bank": "102584000018", "amount": "36000000", "days": "30"}

    answer = await room.estimate("interbank_placement", "cus_1", facts)

    assert isinstance(answer, dict)
    assert (answer["interest"], answer["rate"]) == (int(36_000_000 * Decimal("0.02") / 12), "2")
