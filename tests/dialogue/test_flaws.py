"""What is said of a wrong number: its length, its check digit, its date, and nothing where it may be right."""

from datetime import date

import pytest

from bot.billers.items import InputField
from bot.dialogue.flaws import flaw_of
from tests.dialogue.town import Town

TODAY = date(2026, 11, 23)
METER = InputField(key="account", label="户号", help="10 位数字", pattern=r"\d{10}", form="digits")
SPAN = InputField(key="decision", label="决定书编号", pattern=r"\d{15,16}", form="digits")
PERSON = InputField(key="id_number", label="身份证号", pattern=r"\d{17}[\dX]", form="upper")
TAX = InputField(key="tax", label="税号", pattern=r"[0-9A-Z]{18}", form="upper")
TAIL = InputField(key="tail", label="身份证号后四位", pattern=r"\d{3}[\dX]", form="upper")


@pytest.mark.parametrize(
    ("field", "text", "wrong", "given", "wanted"),
    [
        (METER, "051234567", "length", 9, "10"),
        (METER, "户号是 0512 3456 7890", "length", 12, "10"),
        (METER, "零五幺二三四五六七", "length", 9, "10"),
        (SPAN, "12345678901234", "length", 14, "15-16"),
        (PERSON, "11010519491231002Y", "other", 18, ""),
        (PERSON, "110105194912310021", "check", 18, ""),
        (PERSON, "110105194913310021", "date", 18, ""),
        (PERSON, "11010519491231", "length", 14, "18"),
        (TAX, "91350100M000100Y44", "check", 18, ""),
    ],
)
def test_what_is_wrong_is_told(field: InputField, text: str, wrong: str, given: int, wanted: str) -> None:
    flaw = flaw_of(field, text, TODAY)

    assert flaw is not None
    assert flaw["wrong"] == wrong
    assert flaw["given"] == given
    if wanted and wrong == "length":
        assert wanted in str(flaw["wanted"]).split("/")


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (METER, "0512345678"),
        (METER, "交200"),
        (METER, "陈晓明"),
        (PERSON, "11010519491231002X"),
        (TAX, "91350100M000100Y43"),
        (TAIL, "1234"),
        (METER, ""),
    ],
)
def test_what_may_be_right_is_left(field: InputField, text: str) -> None:
    assert flaw_of(field, text, TODAY) is None


async def test_a_customer_hears_how_many_are_missing_and_sends_it_again(quick: Town) -> None:
    await quick.say("交电费")
    answer = await quick.say("051111111")

    assert "户号应该是 10 位，您发的是 9 位" in answer
    assert "051111111" not in answer
    assert "128.50" in await quick.say("0511111111")


async def test_three_wrong_numbers_lead_to_a_person(quick: Town) -> None:
    await quick.say("交电费")
    answer = await quick.chat("051111111", "05111111", "0511111")

    assert "转人工客服" in answer
