"""Fields, choices and corrections are read out of whole sentences, and words are not taken for values."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.billers.items import Choice, InputField
from bot.dialogue.reading import after_label, corrected_fields, instead, read_amount, read_field, read_option, read_text
from bot.dialogue.session import Awaiting
from bot.dialogue.steps import Option
from tests.dialogue.town import ELECTRICITY, PROPERTY

TODAY = date(2026, 11, 23)
ROOM = PROPERTY.account
METER = ELECTRICITY.account
OWNER = PROPERTY.fields[0]
PLATE = InputField(key="plate", label="车牌号", pattern=r"[京粤][A-Z][A-Z0-9]{5,6}", form="upper")
CITY = InputField(
    key="city", label="城市", choices=(Choice(value="sz", label="深圳"), Choice(value="gz", label="广州"))
)


@pytest.mark.parametrize(
    "text",
    [
        *("3-2-501", "3栋2单元501", "3栋2单元501室", "三栋二单元五零一", "房号是3-2-501", "不对，房号是3栋2单元501"),
        *(
            "我家在阳光花园3栋2单元501",
            "是3-2-501。",
            "应该是3-2-501",
            "三杠二杠五零一",
            "3 - 2 - 501",
            "房号：3-2-501吧",
        ),
    ],
)
def test_rooms(text: str) -> None:
    assert ROOM is not None
    assert read_field(ROOM, text, {}) == "3-2-501"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "0512345678",
            "户号0512345678",
            "我的户号是 0512 345 678",
            "零五一二三四五六七八",
            "0512345678。",
            "O512345678",
        ),
        *("户号是零五一二三四五六七八吧", "不是0511111111是0512345678", "麻烦查下0512345678谢谢"),
    ],
)
def test_account_numbers(text: str) -> None:
    assert METER is not None
    assert read_field(METER, text, {}) == "0512345678"


@pytest.mark.parametrize(
    "text",
    [
        "陈晓明",
        "我叫陈晓明",
        "业主是陈晓明",
        "姓名：陈晓明",
        "是陈晓明。",
        "业主姓名是陈晓明",
        "不对，是陈晓明",
        "陈 晓明",
    ],
)
def test_names(text: str) -> None:
    assert read_field(OWNER, text, {}) == "陈晓明"


def test_a_plate_from_the_router_or_from_the_text() -> None:
    assert read_field(PLATE, "粤b·12345", {}) == "粤B12345"
    assert read_field(PLATE, "我的车是粤B12345", {"plate": "粤B12345"}) == "粤B12345"


def test_a_field_with_fixed_values_takes_these_only() -> None:
    assert read_field(CITY, "深圳", {}) == "sz"
    assert read_field(CITY, "gz", {}) == "gz"
    assert read_field(CITY, "北京", {}) is None


@pytest.mark.parametrize("text", ["", "你好", "123", "051234567", "05123456789", "3-2-501", "不知道户号"])
def test_what_is_no_account_number(text: str) -> None:
    assert METER is not None
    assert read_field(METER, text, {}) is None


@given(st.text(max_size=80))
def test_what_is_read_is_always_accepted_by_the_field(text: str) -> None:
    for field in (ROOM, METER, OWNER, PLATE, CITY):
        assert field is not None
        value = read_field(field, text, {})
        assert value is None or field.accepts(value)
        assert value is None or field.choices or field.canonical(value) == value


@given(st.integers(1, 99), st.integers(1, 9), st.integers(101, 3399))
def test_every_room_is_found_in_a_sentence(building: int, unit: int, door: int) -> None:
    assert ROOM is not None
    room = f"{building}-{unit}-{door}"

    for text in (room, f"{building}栋{unit}单元{door}", f"不对，房号是{room}", f"我住{building}栋{unit}单元{door}室"):
        assert read_field(ROOM, text, {}) == room, text


def options(*labels: str, several: bool = False) -> Awaiting:
    found = [Option(str(place), label, period=label[:7] or None) for place, label in enumerate(labels)]
    return Awaiting("x", "choice", found, several)


def chosen(awaiting: Awaiting, text: str) -> list[str] | None:
    found = read_option(awaiting, text, TODAY)
    return None if found is None else [option.value for option in found]


def test_an_option_is_chosen_by_number_word_or_month() -> None:
    shops = options("中山路店", "大学城店")
    bills = options("2026-10 电费", "2026-11 电费", several=True)

    assert chosen(shops, "2") == ["1"]
    assert chosen(shops, "大学城店") == ["1"]
    assert chosen(shops, "大学城") == ["1"]
    assert chosen(shops, "店") is None
    assert chosen(shops, "好") is None
    assert chosen(bills, "全部") == ["0", "1"]
    assert chosen(bills, "上个月的") == ["0"]
    assert chosen(bills, "这个月") == ["1"]
    assert chosen(bills, "9月") is None
    assert chosen(bills, "上个月的不交") == ["1"]
    assert chosen(bills, "除了10月都交") == ["1"]
    assert chosen(bills, "除了第一个") == ["1"]
    assert chosen(bills, "第二笔先不交") == ["0"]
    assert chosen(bills, "除了9月") is None
    assert chosen(bills, "都不交") is None
    assert chosen(shops, "除了第一个") is None
    assert chosen(bills, "电费") is None


def test_the_only_option_is_chosen_by_a_yes() -> None:
    assert chosen(options("2026-10 电费"), "好的") == ["0"]
    assert chosen(options("2026-10 电费"), "2") is None


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("不是50是500", "500"),
        ("改成100", "100"),
        ("不对，应该是3-2-501", "3-2-501"),
        ("换成大学城店", "大学城店"),
        ("只交9月的", "9月"),
        ("500", "500"),
        ("not 50 but 500", "500"),
    ],
)
def test_what_is_meant_instead(text: str, right: str) -> None:
    assert instead(text) == right


def test_labels() -> None:
    assert after_label("房号是5-2-602", ("房号",)) == "5-2-602"
    assert after_label("房号：5-2-602吧", ("房号",)) == "5-2-602"
    assert after_label("业主姓名改成王建国", ("业主姓名", "姓名")) == "王建国"
    assert after_label("房号", ("房号",)) is None
    assert after_label("没有标签", ("房号",)) is None


def test_corrected_fields_need_a_label_where_any_words_would_do() -> None:
    both = corrected_fields(PROPERTY, "房号是5-2-602，业主姓名是王建国", {}, ())

    assert both["owner"] == "王建国"
    assert corrected_fields(PROPERTY, "不对，房号是5-2-602", {}, ()) == {"account": "5-2-602"}
    assert corrected_fields(PROPERTY, "王建国", {}, ()) == {}
    assert corrected_fields(PROPERTY, "门牌是5-2-602", {}, ("门牌",)) == {"account": "5-2-602"}


def test_amounts_and_free_words() -> None:
    assert read_amount("改成一百块") == 10_000
    assert read_amount("我付50元吧") == 5_000
    assert read_amount("随便") is None
    assert read_text("x" * 500) == "x" * 128
    assert read_text("") is None
