"""What is spared for speed changes nothing of what is understood."""

import pytest

from bot.dialogue import cues
from bot.dialogue.numbers import holds_digit, said_digits
from bot.dialogue.talk import _FLEETING


@pytest.mark.parametrize("text", ["教电费", "冲话费", "帐单", "df", "买电", "睇下账单", "咋么交"])
def test_a_typo_is_still_mended(text: str) -> None:
    assert cues.simple(text) != text


@pytest.mark.parametrize("text", ["3-2-501", "三栋二单元五零一", "幺三八", "O512345", "十二"])
def test_a_number_in_whatever_form_is_seen(text: str) -> None:
    assert holds_digit(text)


@pytest.mark.parametrize("text", ["交物业费", "我要退款", "谢谢", "查账单"])
def test_words_without_a_number_have_none(text: str) -> None:
    assert not holds_digit(text)
    assert said_digits(text) == text


@pytest.mark.parametrize("text", ["交9月的", "上个月物业费", "今天交电费", "我叫陈晓明", "户主陈晓明", "this month"])
def test_what_is_personal_or_changes_with_the_day_is_never_kept(text: str) -> None:
    assert _FLEETING.search(text)
