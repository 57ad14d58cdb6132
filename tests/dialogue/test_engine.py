"""The conversation's door: traces, privacy, troubles in plain words, two phones at once."""

import asyncio
import io
import logging
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.dialogue.event import Event, Followed, Left, Noted, Pressed, Said, Scanned
from bot.dialogue.reply import SILENCE
from bot.kernel.clock import SystemClock
from bot.kernel.errors import Busy, Misconfigured
from bot.outside.logging import configure
from bot.storage.memory_store import MemoryStore
from tests.dialogue.town import Town, open_town, words

OWNER, ROOM, METER, PHONE = "陈晓明", "3-2-501", "0511111111", "13800138000"
PLACES = (OWNER, ROOM, METER, PHONE, "openid-小陈")


async def purchase(town: Town) -> str:
    """A purchase with everything personal in it, and a hand-off at the end."""
    await town.chat("交物业费", ROOM, OWNER, f"不对，房号是{ROOM}", OWNER, "全部")
    link = await town.say("1")
    await town.chat(f"我的电话是{PHONE}，我叫{OWNER}", "查电费", METER, "取消", "我要退款", "人工")
    return link


async def test_a_turn_leaves_its_story_under_its_trace_id(quick: Town) -> None:
    await quick.chat("交物业费", "1-1-301", "林美华")
    await quick.say("1")
    last = quick.notes.taken[-1][0]
    story = [(kind, title) for trace_id, kind, title, _ in quick.notes.taken if trace_id == last]
    order = await quick.last_order()

    assert [kind for kind, _ in story] == ["webhook", "order", "reply"]
    assert story[0] == ("webhook", "text: 1")
    assert story[1][1] == "物业费 2026-11"
    assert "[点这里付款]" in story[2][1]
    assert order.trace_id == last


async def test_notes_tell_what_kind_of_thing_happened(quick: Town) -> None:
    for what in (Followed(), Said("你好", "voice"), Scanned("pay_property"), Said("你好"), Pressed("act:history")):
        await quick.tell(what)

    titles = ["followed", "voice: 你好", "scanned", "text: (2 characters)", "pressed: act:history"]
    assert quick.notes.titles("webhook") == titles


async def test_notes_hold_nothing_personal_and_no_link(quick: Town) -> None:
    link = await purchase(quick)
    token = re.search(r"/cashier/(\w+)", link)
    notes = repr(quick.notes.taken)

    assert token is not None
    for secret in (*PLACES, token[1], "href"):
        assert secret not in notes
    assert not re.search(r"\d{7,}", re.sub(r"(?:ord|trc|evt|cus)_\w+", "", notes))


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that is logged while the test runs, as an operator's log would hold it."""
    root = logging.getLogger()
    before, level, stream = list(root.handlers), root.level, io.StringIO()
    configure(SystemClock(), level="DEBUG", stream=stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


async def test_logs_hold_nothing_personal(quick: Town, logged: io.StringIO) -> None:
    await purchase(quick)
    for number in range(8):
        await quick.say(f"查电费 05900000{number:02d}", "老王")
    text = logged.getvalue()

    assert "lookup.limited" in text
    for secret in (*PLACES, "0590000"):
        assert secret not in text


async def test_the_database_holds_personal_words_sealed_only(sqlite_url: str) -> None:
    """Canaries of the customer in no column of any table; a remote bill's own number is the biller's to choose."""
    async with open_town(sqlite_url, "memory://") as town:
        await purchase(town)
        await town.chat("返回", "我的户号0522222222", "我叫张三丰", "人工")
    with sqlite3.connect(Path(sqlite_url.removeprefix("sqlite:///"))) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()

    for secret in (OWNER, PHONE, "openid-小陈", "0522222222", "张三丰", f"'{ROOM}'"):
        assert secret not in dump
        assert secret.encode().hex().upper() not in dump.upper()


async def test_a_case_holds_what_was_said_without_names(quick: Town) -> None:
    await quick.chat("交物业费", ROOM, OWNER, "取消", f"我叫{OWNER}，电话{PHONE}")
    await quick.say("人工")
    case = await quick.said_in_last_case()

    assert "customer: 交物业费" in case
    assert "customer: (account)" in case
    assert "customer: (owner)" in case
    assert "bot: cancelled" in case
    assert "customer: 人工" in case
    assert not any(secret in "".join(case) for secret in PLACES)


async def test_the_transcript_is_bounded(quick: Town) -> None:
    for _ in range(30):
        await quick.say("你好")
    await quick.say("人工")

    assert len(await quick.said_in_last_case()) <= 21


async def test_a_long_message_is_read_in_part_and_answered(quick: Town) -> None:
    assert "请发送物业费的房号" in await quick.say("交物业费" + "，真的" * 5000)


@pytest.mark.parametrize(
    ("fault", "text", "answer"),
    [
        (Busy("store_away"), "交物业费", "系统正忙"),
        (Busy("store_away"), "我要繳物業費", "系統正忙"),
        (Busy("store_away"), "pay my bill", "We are busy"),
        (Misconfigured("connector_missing"), "交物业费", "刚才出了点问题"),
    ],
)
async def test_a_trouble_of_ours_is_said_in_the_script_of_the_message(
    quick: Town, monkeypatch: pytest.MonkeyPatch, fault: Exception, text: str, answer: str
) -> None:
    async def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(quick.catalogue, "items", fail)

    assert answer in await quick.say(text)
    assert quick.notes.titles("reply") == ["busy" if isinstance(fault, Busy) else "trouble"]


async def test_a_trouble_changes_nothing_and_the_next_message_goes_on(
    quick: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await quick.chat("交物业费", "1-1-301")

    async def fail(*_: object) -> None:
        raise Busy("store_away")

    with monkeypatch.context() as patched:
        patched.setattr(quick.catalogue, "item", fail)
        assert "系统正忙" in await quick.say("林美华")

    assert "回复 1 确认" in await quick.say("林美华")


async def test_leaving_and_reports_open_no_conversation(quick: Town) -> None:
    """A customer who left is not written to; a report of the platform needs no state at all."""
    assert await quick.tell(Noted("template_finished", {})) == SILENCE
    assert await quick.tell(Left()) == SILENCE
    assert isinstance(quick.ephemeral, MemoryStore)
    assert len(quick.ephemeral) == 0


async def test_whoever_leaves_is_not_reachable_until_they_come_back(quick: Town) -> None:
    async def reachable() -> int:
        return await quick.count("SELECT count(*) AS n FROM identities WHERE reachable = 1")

    await quick.tell(Followed())
    assert await reachable() == 1
    await quick.tell(Left())
    assert await reachable() == 0
    await quick.tell(Scanned("x", first=True))
    assert await reachable() == 1


async def test_the_script_is_remembered_for_messages_that_answer_nothing(quick: Town) -> None:
    await quick.say("我要繳電費")
    row = await quick.database.row("SELECT script FROM customers")

    assert row is not None and row["script"] == "zh_hant"


async def test_two_phones_of_one_customer_order_once(sqlite_url: str, ephemeral_url: str) -> None:
    """Ten confirmations at the same moment, each a message of its own, make one order and one way to pay it."""
    async with open_town(sqlite_url, ephemeral_url, SystemClock()) as town:
        await town.chat("交物业费", "1-1-301", "林美华")
        answers = await asyncio.gather(*(town.say("1") for _ in range(10)))

        assert await town.order_count() == 1
        assert sum("点这里付款" in answer for answer in answers) == 1
        assert sum("等待付款" in answer for answer in answers) >= 1
        assert len(set(re.findall(r"/cashier/(\w+)", "".join(answers)))) == 1


async def test_one_message_answered_twice_orders_once(sqlite_url: str, ephemeral_url: str) -> None:
    """The channel lets no message through twice; if it did, there would still be one order."""
    async with open_town(sqlite_url, ephemeral_url, SystemClock()) as town:
        await town.chat("交物业费", "1-1-301", "林美华")
        event = Event("same", "official", "main", "openid-小陈", town.clock.now(), "trc_same", Said("1"))
        await asyncio.gather(town.engine.answer(event), town.engine.answer(event))

        assert await town.order_count() == 1


async def test_a_biller_so_slow_that_the_lock_is_lost_leaves_nothing_behind(
    sqlite_url: str, ephemeral_url: str
) -> None:
    """While the power company thinks, the lock is taken away: the turn is told busy and another one's state stands."""
    async with open_town(sqlite_url, ephemeral_url, SystemClock()) as town:
        lock = re.sub(":state$", ":lock", await _state_key(town))

        async def lose() -> None:
            town.power.pause = None
            await town.ephemeral.drop(lock)

        await town.say("交电费")
        town.power.pause = lose
        assert "系统正忙" in await town.say("0511111111")
        # As if nothing had been said: the question for the account still stands.
        assert "抱歉，没有看懂" in await town.say("xyz")
        assert "合计 128.50 元" in await town.say("0511111111")


async def _state_key(town: Town) -> str:
    return f"{{dlg:{town.vault.blind('official:main:openid-小陈', 'dialogue.state')}}}:state"


async def test_many_customers_at_once_see_their_own_only(sqlite_url: str, ephemeral_url: str) -> None:
    """Twelve customers over three rooms talk at the same time; each answer names the owner of the customer's room."""
    rooms = {"3-2-501": ("陈晓明", "**明"), "5-2-602": ("王建国", "**国"), "1-1-301": ("林美华", "**华")}
    async with open_town(sqlite_url, ephemeral_url, SystemClock()) as town:

        async def one(number: int) -> tuple[str, str]:
            room, (owner, mask) = list(rooms.items())[number % len(rooms)]
            return await town.chat("查物业费", room, owner, customer=f"客{number}"), mask

        for answer, mask in await asyncio.gather(*(one(number) for number in range(12))):
            assert mask in answer


async def test_a_reply_is_one_text(quick: Town) -> None:
    """Most answers then fit into the passive reply; a hand-off travels beside the words."""
    reply = await quick.tell(Said("交电费，然后交物业费"))
    assert len(reply.parts) == 1

    reply = await quick.tell(Said("人工"))
    assert [type(part).__name__ for part in reply.parts] == ["Text", "HandOff"]
    assert words(reply).endswith("[hand-off]")


async def test_merchants_of_an_account_are_its_only_ones(quick: Town) -> None:
    parts: Any = quick.engine._p
    object.__setattr__(parts, "merchants", {"main": ("mer_noodles",)})

    answer = await quick.say("你好")
    assert "餐饮买单" in answer and "物业费\n" not in answer
    assert "物业费在这里还没有开通" in await quick.say("交物业费")
