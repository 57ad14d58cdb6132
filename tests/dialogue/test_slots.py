"""Slots: a table of wordings, and properties: whatever is written in whatever style is read back exactly."""

import re
import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue import numbers
from bot.dialogue.slots import SlotReader
from bot.kernel.money import MAX_FEN, format_yuan
from handlers import SCENES
from tests.dialogue.test_numbers import HAN, han

TODAY = date(2026, 11, 23)
LINES = Path(__file__).parent / "slot_lines.txt"
LINES_MIN = 300
READER = SlotReader(word for scene in SCENES for word in scene.account_words)
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
SPOKEN = str.maketrans("0123456789", "零幺二三四五六七八九")
RADIO = str.maketrans("0123456789", "洞幺两三四五六拐八勾")


def lines() -> list[tuple[str, dict[str, str]]]:
    found = []
    for line in LINES.read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            text, _, slots = line.rpartition("|")
            found.append((text.strip(), dict(pair.split("=") for pair in slots.split())))
    return found


def slots(text: str) -> dict[str, str]:
    return {name: str(value) for name, value in READER.read(text, TODAY).items()}


@pytest.mark.parametrize(("text", "wanted"), lines())
def test_a_line_is_read(text: str, wanted: dict[str, str]) -> None:
    assert slots(text) == wanted


def test_the_table_is_long_and_says_nothing_twice() -> None:
    texts = [text for text, _ in lines()]

    assert len(texts) == len(set(texts)) >= LINES_MIN


@given(st.integers(1, 999_999), st.integers(0, 99))
def test_an_amount_in_digits_is_read_back_in_every_style(yuan: int, cents: int) -> None:
    fen = yuan * 100 + cents
    plain = format_yuan(fen)

    for text in (
        f"交{plain}元电费",
        f"¥{plain}",
        f"电费{plain}块，谢谢",
        f"帮我充{plain}",
        f"付了{plain}没到账",
        f"人民币 {plain}",
        f"{yuan:,}.{cents:02d}元",
        f"交{plain.translate(FULL_WIDTH)}元",
        f"top up {plain} yuan",
    ):
        assert slots(text) == {"amount": str(fen)}, text


@given(st.integers(1, 99_999_999))
def test_an_amount_in_numerals_is_read_back_in_every_style(yuan: int) -> None:
    for text in (f"交{han(yuan)}元", f"我要付{han(yuan)}块钱", f"电费{han(yuan)}圆整"):
        assert slots(text) == {"amount": str(yuan * 100)}, text


@given(st.integers(10, 9_999), st.integers(1, 9), st.integers(1, 9))
def test_yuan_jiao_and_fen_are_read_back(yuan: int, jiao: int, fen: int) -> None:
    whole = yuan * 100 + jiao * 10

    assert slots(f"交{han(yuan)}块{HAN[jiao]}的电费") == {"amount": str(whole)}
    assert slots(f"交{yuan}块{jiao}") == {"amount": str(whole)}
    assert slots(f"付{han(yuan)}元{HAN[jiao]}角{HAN[fen]}分") == {"amount": str(whole + fen)}


@given(st.integers(1, 9999), st.sampled_from(["来", "多", "几"]), st.sampled_from(["块", "元", "块钱"]))
def test_an_unclear_amount_is_none(yuan: int, vague: str, unit: str) -> None:
    for number in (han(yuan * 10), str(yuan * 10)):
        assert "amount" not in slots(f"交{number}{vague}{unit}"), number


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from(["", " ", "-"]), st.sampled_from(["", "+86 "]))
def test_a_telephone_is_read_back_in_every_style(phone: str, gap: str, prefix: str) -> None:
    grouped = gap.join((phone[:3], phone[3:7], phone[7:]))

    for text in (
        f"{prefix}{grouped}",
        f"给{prefix}{grouped}充话费",
        f"手机号码：{grouped}",
        f"{grouped.translate(FULL_WIDTH)}",
    ):
        assert slots(text) == {"phone": phone}, text
    assert slots(phone.translate(SPOKEN)) == {"phone": phone}
    assert slots(f"户号{phone}") == {"account": phone}


@given(st.from_regex(r"0[0-9]{9}", fullmatch=True))
def test_an_account_is_read_back_in_every_style(account: str) -> None:
    """A number of ten digits that begins with 0 is an account, never an amount and never a telephone."""
    for text in (
        account,
        f"户号{account}",
        f"户号是 {account[:4]} {account[4:7]} {account[7:]}",
        f"户号:{account.translate(FULL_WIDTH)}",
        f"户号{account.translate(SPOKEN)}",
        f"交电费{account}",
        f"不对，户号是{account}。",
    ):
        assert slots(text) == {"account": account}, text
    assert slots(f"户号{account} 交200元") == {"account": account, "amount": "20000"}
    if re.search("[179]", account):
        assert slots(f"户号{account.translate(RADIO)}") == {"account": account}


@given(st.integers(2020, 2026), st.integers(1, 12))
def test_a_month_is_read_back_in_every_style(year: int, month: int) -> None:
    spoken = "".join("〇一二三四五六七八九"[int(digit)] for digit in str(year))

    for text in (
        f"{year}年{month}月",
        f"{year}-{month:02d}",
        f"交{year}年{month:02d}月的电费",
        f"{spoken}年{han(month)}月份",
    ):
        assert slots(text) == {"period": f"{year}-{month:02d}"}, text


@given(st.text(max_size=200))
def test_any_text_is_read_without_a_fault(text: str) -> None:
    found = READER.read(text, TODAY)

    assert set(found) <= {"amount", "period", "account", "phone", "plate", "id_number", "name"}
    amount = found.get("amount", 1)
    assert isinstance(amount, int)
    assert 0 < amount <= MAX_FEN
    assert all(isinstance(value, str) and value for name, value in found.items() if name != "amount")


def test_slots_are_read_alike_from_a_text_that_was_simplified_before() -> None:
    """The keyword router hands over lower case; accounts come back in upper case all the same."""
    assert slots("合同号ht20260918") == slots("合同号HT20260918") == {"account": "HT20260918"}
    assert slots("戶號0512345678，繳兩百塊") == {"account": "0512345678", "amount": "20000"}


def test_a_scene_brings_its_own_word_for_an_account() -> None:
    assert SlotReader(["泊位"]).read("泊位a1203", TODAY) == {"account": "A1203"}
    assert SlotReader().read("泊位a1203", TODAY) == {}


PIECES = [
    *("电费", "1", "一二三百", "12.5元", "交百", "1,234,", "户号", "我叫王", "138 ", "3月", "-1-2", "a1", "1 ", "两"),
    *("（2026）粤", "洞拐", "京A", "0755-", "1栋", "138,"),
]


@pytest.mark.parametrize("piece", PIECES)
def test_the_time_grows_with_the_length_and_no_faster(piece: str) -> None:
    """Four times the text may cost ten times at most: a quadratic pattern would cost sixteen."""
    short, long = (piece * 20_000)[:4_000], (piece * 20_000)[:16_000]

    def cost(text: str) -> float:
        started = time.thread_time()
        READER.read(text, TODAY)
        return time.thread_time() - started

    cost(short)
    assert min(cost(long) for _ in range(3)) < 10 * min(cost(short) for _ in range(3)) + 0.002


def test_what_is_looked_at_in_a_text_has_a_bound() -> None:
    """The first amount decides; after enough numbers nobody reads on."""
    many = "第1号，" * 100 + "交50元"

    assert numbers.find_amount("第1号，" * 5 + "交50元") == 5_000
    assert numbers.find_amount(many) is None
