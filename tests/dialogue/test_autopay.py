"""Deductions in the conversation: what stands is shown, and one word ends it, as each notice promises."""

import pytest

from bot.dialogue.scene import Agreement
from tests.dialogue.town import Town

POWER = Agreement("ctr_1", "电费", "****5678", 20_000)
WATER = Agreement("ctr_2", "水费", "****1234", 5_000)


async def agreed(town: Town, *agreements: Agreement) -> None:
    """Let 小陈, once known, have these contracts."""
    await town.say("你好")
    row = await town.database.row("SELECT id FROM customers ORDER BY created_at LIMIT 1")
    assert row is not None
    town.deductions.of[row["id"]] = list(agreements)


def left(town: Town) -> list[str]:
    return [each.id for agreements in town.deductions.of.values() for each in agreements]


@pytest.mark.parametrize("words", ["取消自动缴费", "关闭自动扣款", "不要自动扣费了", "把代扣停了", "cancel autopay"])
async def test_one_word_ends_the_only_contract(town: Town, words: str) -> None:
    await agreed(town, POWER)

    answer = await town.say(words)

    assert left(town) == []
    assert "不会再扣款" in answer or "nothing more will be deducted" in answer


async def test_the_words_of_the_notice_end_it_while_something_else_is_under_way(town: Town) -> None:
    await agreed(town, POWER)
    await town.chat("交物业费")

    answer = await town.say("取消自动缴费")

    assert left(town) == []
    assert "不会再扣款" in answer


async def test_which_of_several_is_asked(town: Town) -> None:
    await agreed(town, POWER, WATER)

    question = await town.say("取消自动缴费")
    assert "电费 ****5678" in question and "水费 ****1234" in question
    assert left(town) == ["ctr_1", "ctr_2"]

    await town.say("2")
    assert left(town) == ["ctr_1"]


async def test_all_are_kept_at_a_word(town: Town) -> None:
    await agreed(town, POWER, WATER)

    await town.chat("取消自动缴费", "取消")

    assert left(town) == ["ctr_1", "ctr_2"]


async def test_what_stands_is_shown_with_its_cap_and_ended_by_nobody(town: Town) -> None:
    await agreed(town, POWER, WATER)

    answer = await town.say("我开了自动缴费吗")

    assert "电费 ****5678，每次最多 200.00 元" in answer
    assert "取消自动缴费" in answer
    assert left(town) == ["ctr_1", "ctr_2"]


async def test_who_has_none_is_told_so(town: Town) -> None:
    assert "没有开通" in await town.say("取消自动缴费")
