"""A customer is answered in the script in which they write, and one who gives no evidence is not guessed at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.words.scripts import _EITHER, _ENGLISH, SIMPLIFIED, TRADITIONAL, Script, detect_script, script_of_tag

HANS, HANT, EN = Script.ZH_HANS, Script.ZH_HANT, Script.EN


def can_write(character: str, charset: str) -> bool:
    try:
        character.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("交电费", HANS),
        ("查一下我家电费", HANS),
        ("帮我充50话费", HANS),
        ("电费好多钱嘛", HANS),
        ("wifi费", HANS),
        ("我要繳電費", HANT),
        ("幫我查瓦斯費", HANT),
        ("學雜費怎麼繳", HANT),
        ("罰單", HANT),
        ("幾多錢呀", HANT),
        ("睇醫生掛號", HANT),
        ("我想 pay 電費 please", HANT),
        ("how do I pay my bill", EN),
        ("Can you help me?", EN),
        ("refund please", EN),
        ("I was charged twice", EN),
        ("PAY", EN),
    ],
)
def test_what_people_write(text: str, script: Script) -> None:
    assert detect_script(text) is script


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "1",
            "13812345678",
            "好",
            "唔要",
            "查一下",
            "王玥",
            "陶喆",
            "OK",
            "hi",
            "hello",
            "df",
            "ETC",
            "VIP",
            "😀",
        ),
        *("jiao dianfei", "wo yao jiao shui fei", "wan can", "you dian", "粤B12345D", "ありがとう"),
        "https://pay.example.com/bill",
    ],
)
def test_what_gives_no_evidence(text: str) -> None:
    assert detect_script(text) is None


def test_the_greater_part_decides_and_a_draw_does_not() -> None:
    assert detect_script("电费電費费") is HANS
    assert detect_script("电费電費") is None


def test_the_sets_hold_only_characters_of_their_own_script() -> None:
    """GB 2312 writes Simplified and Big5 Traditional: a second opinion on every single character."""
    assert not SIMPLIFIED & TRADITIONAL
    assert min(len(SIMPLIFIED), len(TRADITIONAL)) > 500
    assert [c for c in SIMPLIFIED if not can_write(c, "gb2312") or can_write(c, "big5")] == []
    assert [c for c in TRADITIONAL if not can_write(c, "big5") or can_write(c, "gb2312")] == []


def test_words_that_decide_are_not_among_those_that_do_not() -> None:
    assert not _ENGLISH & _EITHER


@given(st.text(max_size=300))
def test_any_text_is_answered(text: str) -> None:
    assert detect_script(text) in {None, *Script}


@given(st.text(sorted(SIMPLIFIED), min_size=1), st.text("的查一下好水表00 ", max_size=50))
def test_simplified_is_found_among_neutral_text(text: str, noise: str) -> None:
    assert detect_script((noise[:20] + text + noise)[:400]) is HANS


@given(st.text(sorted(TRADITIONAL), min_size=1), st.text("的查一下好水表00 ", max_size=50))
def test_traditional_is_found_among_neutral_text(text: str, noise: str) -> None:
    assert detect_script((noise[:20] + text + noise)[:400]) is HANT


@pytest.mark.parametrize(
    ("tag", "script"),
    [
        ("zh_CN", HANS),
        ("zh", HANS),
        ("zh-SG", HANS),
        ("zh-Hans-HK", HANS),
        ("zh_TW", HANT),
        ("zh_HK", HANT),
        ("zh-Hant", HANT),
        ("ZH-MO", HANT),
        ("en", EN),
        ("en-GB", EN),
        ("fr", None),
        ("", None),
        ("zhx", None),
    ],
)
def test_language_tags(tag: str, script: Script | None) -> None:
    assert script_of_tag(tag) is script


def test_every_script_has_a_language_tag() -> None:
    assert [script.tag for script in Script] == ["zh-Hans", "zh-Hant", "en"]
