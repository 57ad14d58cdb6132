"""Walking through account numbers tells nobody which exist (reliability.md §5, bill enumeration)."""

import asyncio
import logging

import pytest

from bot.dialogue.event import Event, Said
from bot.dialogue.lookups import LookupGuard, LookupLimits
from bot.dialogue.session import State
from bot.kernel.clock import SystemClock
from bot.kernel.masking import Secret
from bot.storage.ephemeral import connect
from bot.storage.vault import Vault
from tests.dialogue.town import SECRET, Notes, TickingClock, Town, open_town

LIMITED = "查询次数有点多，为保护账户安全，请一小时后再查。着急请回复“人工”。"


@pytest.mark.slow
async def test_a_thousand_numbers_in_a_row_are_answered_five_times_at_most(
    quick: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of the numbers exist; those beyond the limit are answered alike and the biller is not asked for them."""
    for number in range(0, 1000, 2):
        quick.power.meters[f"0530000{number:03d}"] = []
    with caplog.at_level(logging.WARNING):
        answers = [await quick.say(f"查电费 0530000{number:03d}") for number in range(1000)]
    told = [answer for answer in answers if answer != LIMITED]

    assert len(told) <= 5
    assert len(quick.power.asked) <= 5
    assert set(answers[5:]) == {LIMITED}
    assert "account look-ups limited" in quick.notes.titles("case")
    assert "lookup.limited" in caplog.text
    assert "0530000" not in caplog.text


async def test_an_unknown_account_and_a_wrong_proof_cost_and_answer_the_same(quick: Town) -> None:
    unknown = await quick.chat("交物业费", "8-8-808", "陈晓明", customer="甲")
    foreign = await quick.chat("交物业费", "3-2-501", "张三丰", customer="乙")

    assert unknown == foreign


async def test_many_customers_cannot_guess_one_proof_together(quick: Town) -> None:
    limit = LookupLimits().account
    answers = [
        await quick.chat("交物业费", "3-2-501", f"陈{'明亮华强国庆春夏秋冬'[place % 10]}", customer=f"猜者{place}")
        for place in range(limit + 3)
    ]

    assert all("没有查到相符的信息" in answer for answer in answers[:limit])
    assert answers[limit:] == [LIMITED] * 3


async def test_whose_account_it_is_is_not_limited(quick: Town) -> None:
    """A saved account is asked for as often as its owner likes, also while others are being refused."""
    await quick.chat("查电费 0511111111", "取消")
    for number in range(8):
        await quick.say(f"查电费 059000000{number}")
    asked = len(quick.power.asked)

    for _ in range(6):
        assert "128.50" in await quick.say("查电费")
    assert "128.50" in await quick.say("查电费 0511111111")
    assert len(quick.power.asked) == asked + 7


async def test_the_limit_ends_with_its_window(quick: Town) -> None:
    for number in range(7):
        last = await quick.say(f"查电费 059000000{number}")
    assert last == LIMITED
    assert isinstance(quick.clock, TickingClock)
    quick.clock.advance(LookupLimits().window + 1)

    assert "201.50" in await quick.say("查电费 0512345678")


async def test_the_limit_is_exact_however_many_ask_at_once(town: Town, ephemeral_url: str) -> None:
    store = await connect(ephemeral_url, SystemClock())
    guard = LookupGuard(store, Vault.from_secrets([Secret(SECRET)]), Notes(), LookupLimits(customer=5, account=100))
    event = Event("key", "official", "main", "openid", town.clock.now(), "trc_1", Said("x"))
    context = town.engine._context(State(customer_id="cus_1"), event)

    allowed = await asyncio.gather(*(guard.allow(context, "itm", f"acc{number}") for number in range(64)))

    assert sum(allowed) == 5
    await store.close()


async def test_while_the_store_is_away_nobody_is_answered(sqlite_url: str) -> None:
    """The conversation's own store works; that of the counters does not: the guard fails closed."""
    sessions_store = await connect("memory://", TickingClock())
    async with open_town(sqlite_url, "memory://", sessions_store=sessions_store) as town:
        await town.ephemeral.close()
        answer = await town.say("查电费 0511111111")

        assert "系统正忙" in answer
        assert town.power.asked == []
    await sessions_store.close()
