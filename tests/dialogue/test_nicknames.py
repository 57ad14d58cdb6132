"""What people say about saved accounts: a table of wordings that are meant, and of such as are not."""

import pytest

from bot.customers.accounts import SavedAccount
from bot.dialogue import cues
from bot.dialogue.nicknames import (
    NICKNAME_MAX,
    UNSAVED,
    Naming,
    asks_for_list,
    fit,
    for_others,
    meant_of,
    narrowed,
    nickname_of,
    read_naming,
    read_removal,
    said_in,
    wants_all,
)
from tests.dialogue.town import Town


def account(id_: str, nickname: str = "", scene: str = "electricity") -> SavedAccount:
    return SavedAccount(id_, "itm", scene, f"05{id_:0>8}", "****", nickname)


HOME, MUM, OLD, BARE = account("1", "我家"), account("2", "我妈家"), account("3", "老家"), account("4")
SAVED = (HOME, MUM, OLD, BARE)


@pytest.mark.parametrize(
    ("text", "target", "nickname"),
    [
        ("把3栋2单元501叫我家", "3栋2单元501", "我家"),
        ("把3栋2单元501叫做“我家”吧", "3栋2单元501", "我家"),
        ("帮我把0512345678备注成我妈家", "0512345678", "我妈家"),
        ("將0512345678備註為我媽家", "0512345678", "我媽家"),
        ("备注成我妈家", "", "我妈家"),
        ("备注我妈家", "", "我妈家"),
        ("改名叫公司", "", "公司"),
        ("把我家改名叫老家", "我家", "老家"),
        ("把我家改成老家", "我家", "老家"),
        ("把它叫我家", "", "我家"),
        ("把这个户号叫我家", "", "我家"),
        ("给这个户号起个名字叫我家", "", "我家"),
        ("给尾号5678起名我妈家", "尾号5678", "我妈家"),
        ("0512345678备注我妈家", "0512345678", "我妈家"),
        ("3-2-501叫我家", "3-2-501", "我家"),
        ("就叫我家吧", "", "我家"),
        ("call 0512345678 home", "0512345678", "home"),
        ("call it mom's", "", "mom's"),
    ],
)
def test_a_naming_is_read(text: str, target: str, nickname: str) -> None:
    assert read_naming(text) == Naming(target, nickname)


@pytest.mark.parametrize(
    "text",
    [
        "把电费交了",
        "把我家和我妈家的电费都交了",
        "我叫陈晓明",
        "叫人工",
        "叫外卖",
        "叫客服来",
        "备注成0512345678",
        "把0512345678叫电费",
        "把它叫取消",
        "把它叫<b>",
        "改名",
        "你叫什么名字",
        "这个怎么叫",
        "",
    ],
)
def test_what_names_nothing_is_left(text: str) -> None:
    assert read_naming(text) is None


@pytest.mark.parametrize("words", ["人工", "全部", "电费", "0512345678", "a" * (NICKNAME_MAX + 1), "", "水费", "x:y"])
def test_a_nickname_takes_nothing_away_from_other_words(words: str) -> None:
    assert fit(words) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("删除我妈家的", "我妈家"),
        ("把我妈家删了", "我妈家"),
        ("删掉我妈家的户号", "我妈家"),
        ("解绑我妈家", "我妈家"),
        ("不要再记我妈家的电费了", "我妈家"),
    ],
)
def test_a_removal_is_read(text: str, words: str) -> None:
    assert read_removal(cues.simple(text)) == words


@pytest.mark.parametrize("text", ["取消订单", "把电费交了", "删", "我妈家的电费"])
def test_what_removes_nothing_is_left(text: str) -> None:
    assert read_removal(cues.simple(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "我保存了哪些户号",
        "我绑定了什么户号",
        "查看我的户号",
        "我的户号",
        "我的账户有哪些",
        "保存过多少户号",
        "已绑定的户号",
        "my saved accounts",
    ],
)
def test_a_wish_to_see_them_is_read(text: str) -> None:
    assert asks_for_list(cues.simple(text))


@pytest.mark.parametrize("text", ["换个户号", "我的户号是0512345678", "户号在哪里看", "我存了多少钱", "交电费"])
def test_other_words_of_accounts_are_none(text: str) -> None:
    assert not asks_for_list(cues.simple(text))


def test_a_nickname_is_found_in_a_sentence_and_the_longer_one_goes_first() -> None:
    assert said_in("我妈家的电费", SAVED) == [MUM]
    assert said_in("把我家和我妈家的电费都交了", SAVED) == [HOME, MUM]
    assert said_in("把我妈家和我家的电费都交了", SAVED) == [MUM, HOME]
    assert said_in("交电费", SAVED) == []


def test_accounts_of_one_nickname_come_together() -> None:
    water = account("5", "我家", "water")

    assert said_in("交我家的", (HOME, water, MUM)) == [HOME, water]
    assert nickname_of("我家的电费", (HOME, water, MUM)) == [HOME, water]
    assert nickname_of("我妈", SAVED) == []


def test_all_are_meant_where_one_says_so() -> None:
    assert meant_of("所有户号的电费都交了", SAVED) == list(SAVED)
    assert meant_of("两家的电费一起交", (HOME, MUM)) == [HOME, MUM]
    assert meant_of("电费都交了", SAVED) == []
    assert wants_all("我家的都交了") and not wants_all("交我家的")


def test_what_opened_a_frame_narrows_the_choice() -> None:
    assert narrowed(SAVED, {"saved": "2"}) == [MUM]
    assert narrowed(SAVED, {"words": "我家的电费"}) == [HOME]
    assert narrowed(SAVED, {}) == SAVED


@pytest.mark.parametrize("words", ["帮我妈交电费", "替老人交水费", "我爸家的电费", "别人家的"])
def test_somebody_elses_bill_is_known(words: str) -> None:
    assert for_others({"words": words}, SAVED)


@pytest.mark.parametrize("words", ["我妈家的电费", "交电费", "我家的电费", "给孩子交学费"])
def test_what_is_saved_by_name_is_nobody_elses(words: str) -> None:
    assert not for_others({"words": words}, SAVED)


@pytest.mark.parametrize("text", ["不用保存", "别记住", "不要保存这个户号", "这次不保存"])
def test_a_wish_to_keep_nothing_is_read(text: str) -> None:
    assert UNSAVED.search(text)


async def test_a_nickname_is_sealed_and_one_s_own(quick: Town) -> None:
    await quick.chat("查电费 0511111111", "叫张三丰家", "取消")
    await quick.chat("查电费 0511111111", "取消", customer="老王")

    row = await quick.database.row("SELECT nickname_sealed FROM saved_accounts ORDER BY created_at LIMIT 1")
    assert row is not None
    assert "张三丰".encode() not in row["nickname_sealed"]
    assert "张三丰家" in await quick.say("我保存了哪些户号")
    assert "张三丰家" not in await quick.say("我保存了哪些户号", "老王")
    assert "张三丰" not in repr(quick.notes.taken)


async def test_another_customers_account_is_named_and_deleted_by_nobody_else(quick: Town) -> None:
    await quick.chat("查电费 0511111111", "叫我家", "取消")

    await quick.chat("删除我家的", "把我家改名叫公司", "把尾号1111叫公司", customer="老王")

    assert "【我家】" in await quick.say("我保存了哪些户号")
