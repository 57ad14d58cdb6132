"""Deductions in the conversation: what stands is shown, and one word ends it, as each notice promises."""

import pytest

from bot.billers.port import Refusal
from bot.dialogue.event import Pressed
from bot.dialogue.scene import Agreement
from bot.payments.contracts.port import Plan
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


PLAN = Plan("mer_power", "wechatpay", "main", "123456", 50_000, 30, 2, "示范供电", "itm_power")


async def test_what_may_be_deducted_is_shown_and_agreed_to_by_number(town: Town) -> None:
    town.deductions.plans = [PLAN]
    await town.chat("查电费 0511111111", "叫我家", "取消")

    offer = await town.say("开通自动缴费")
    assert "我家 电费 ****1111" in offer
    assert "每次最多 500.00 元，每 30 天最多一次，扣款前 2 天通知您" in offer
    assert "取消自动缴费" in offer
    assert town.deductions.asked == []

    answer = await town.say("1")
    assert [(account, gateway) for _, account, gateway in town.deductions.asked] == [("0511111111", "wechatpay")]
    assert 'href="https://wallet.example.com/sign"' in answer and "签好后才会生效" in answer


@pytest.mark.parametrize("words", ["取消", "算了", "不用"])
async def test_nothing_is_signed_without_a_number(town: Town, words: str) -> None:
    town.deductions.plans = [PLAN]
    await town.chat("查电费 0511111111", "取消", "每月自动交电费", words)

    assert town.deductions.asked == []


async def test_without_a_plan_a_reminder_and_the_way_to_pay_are_offered(town: Town) -> None:
    await town.chat("查电费 0511111111", "取消")

    offer = await town.say("电费能自动扣款吗")
    assert "暂时不能自动扣款" in offer and "1. 到期提醒我" in offer and "2. 现在付款" in offer
    assert "账单到期前" in await town.say("1")
    await town.say("电费自动扣款")
    assert "合计 128.50 元" in await town.say("2")


async def test_which_account_is_asked_and_another_customers_is_never_signed(town: Town) -> None:
    town.deductions.plans = [PLAN]
    await town.chat("查电费 0511111111", "取消", "查电费 0512345678", "取消")
    await town.chat("查电费 0522222222", "取消", customer="老王")
    row = await town.database.row("SELECT id FROM saved_accounts ORDER BY created_at DESC, id DESC LIMIT 1")

    assert row is not None
    question = await town.say("开通自动缴费")
    assert "****5678" in question and "****1111" in question and "****2222" not in question
    await town.tell(Pressed(f"sign:wechatpay:{row['id']}"))
    assert town.deductions.asked == []


async def test_an_account_is_needed_first(town: Town) -> None:
    assert "请先查一次账单" in await town.say("开通自动缴费")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Refusal("autopay_signed"), "已经开通或正在签约"),
        (Refusal("declined"), "没有签约，也不会扣款"),
        (None, "钱包暂时没有回应"),
    ],
)
async def test_a_no_of_the_wallet_is_told(town: Town, answer: Refusal | None, words: str) -> None:
    town.deductions.plans, town.deductions.answer = [PLAN], answer
    await town.chat("查电费 0511111111", "取消", "开通自动缴费")

    assert words in await town.say("1")
