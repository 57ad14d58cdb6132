"""One form for each kind of account number, however people write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.billers.forms import Form, canonical

FORMS: tuple[Form, ...] = ("plain", "digits", "upper", "room", "name")


@pytest.mark.parametrize(
    "text",
    [
        "3-2-501",
        "3栋2单元501室",
        "3栋2单元501",
        "3幢二单元501",
        "３栋２单元５０１室",
        "3棟2單元501室",
        "3 栋 2 单元 501",
        "3 2 501",
        "3—2—501",
        "3－2－501",
        "3#2-501",
        "3/2/501",
        "3号楼2单元501号",
        "三栋二单元五零一",
        "第3栋第2单元501房间",
        "3栋-2单元-501",
        "03栋02单元0501",
        "3栋2单元5楼501",
        "3栋2单元5层0501室",
    ],
)
def test_a_room_is_one_room(text: str) -> None:
    assert canonical("room", text) == "3-2-501"


@pytest.mark.parametrize(
    ("text", "room"),
    [
        ("a座1201", "A-1201"),
        ("十二栋一单元一百零二", "12-1-102"),
        ("二十栋1单元601", "20-1-601"),
        ("3栋2单元15楼1501", "3-2-1501"),
        ("3栋2单元6楼501", "3-2-6-501"),
        ("5楼501", "5-501"),
        ("0-0-000", "0-0-0"),
    ],
)
def test_rooms_as_people_write_them(text: str, room: str) -> None:
    assert canonical("room", text) == room


def test_what_is_no_joint_stays_so_that_two_places_never_become_one() -> None:
    written = {"东区3栋2单元501", "西区3栋2单元501", "3栋2单元501", "甲3栋2单元501"}

    assert len({canonical("room", text) for text in written}) == len(written)


@pytest.mark.parametrize(
    "text",
    [
        "0512345678",
        "0512 345 678",
        "0512-345-678",
        "O512345678",
        "o512345678",
        "０５１２３４５６７８",
        "零五一二三四五六七八",
        "零五幺二三四五六七八",
        "'0512345678",
        "\u200b0512345678",
    ],
)
def test_digits(text: str) -> None:
    assert canonical("digits", text) == "0512345678"


@pytest.mark.parametrize("text", ["粤b12345d", "粤B·12345D", "粤B 12345D", "粤Ｂ１２３４５Ｄ", "粤B-12345d"])
def test_upper(text: str) -> None:
    assert canonical("upper", text) == "粤B12345D"


@pytest.mark.parametrize("text", ["买买提·艾力", "买买提•艾力", "买买提・艾力", " 买买提 · 艾力 ", "买买提.艾力"])
def test_name(text: str) -> None:
    assert canonical("name", text) == "买买提·艾力"


def test_plain_only_loses_spaces() -> None:
    assert canonical("plain", " aB - 1 ") == "aB-1"


written = st.text(
    st.sampled_from("0123456789 -—#栋幢单元楼层室房号第零一二三五十百两AbOo·.东'"), max_size=30
) | st.text(max_size=30)


@pytest.mark.parametrize("form", FORMS)
@given(text=written)
def test_doing_it_twice_changes_nothing(form: Form, text: str) -> None:
    once = canonical(form, text)

    assert canonical(form, once) == once


@given(st.integers(1, 99), st.integers(1, 9), st.integers(1, 30), st.integers(1, 12))
def test_every_writing_of_a_room_meets_the_others(building: int, unit: int, floor: int, door: int) -> None:
    room = floor * 100 + door
    plain = f"{building}-{unit}-{room}"

    assert canonical("room", plain) == plain
    assert canonical("room", f"{building}栋{unit}单元{room}室") == plain
    assert canonical("room", f"{building:02d}幢 {unit:02d}单元 {floor}楼 {room:04d}") == plain
