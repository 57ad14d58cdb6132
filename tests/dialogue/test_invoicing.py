"""Whom an invoice is for, as people write it."""

from datetime import date

import pytest

from bot.dialogue.aftersales.invoicing import Title, read_title

TODAY = date(2026, 11, 24)
CODE = "91350100M000100Y43"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (f"抬头 示范科技有限公司 税号 {CODE}", Title("示范科技有限公司", CODE)),
        (f"发票抬头是示范科技有限公司，税号是{CODE.lower()}", Title("示范科技有限公司", CODE)),
        (f"抬頭：示範科技有限公司；稅號：{CODE}", Title("示範科技有限公司", CODE)),
        ("抬头 示范科技有限公司 统一社会信用代码 9135 0100 M000 100Y 43", Title("示范科技有限公司", CODE)),
        (f"Invoice title Example Trading Ltd, tax number {CODE}", Title("Example Trading Ltd", CODE)),
        ("抬头 示范商店 税号 350100123456789", Title("示范商店", "350100123456789")),
        ("抬头 个人", Title("个人")),
        ("抬头：陈晓明", Title("陈晓明")),
        ("invoice title personal", Title("personal")),
        ("抬头 示范科技有限公司", "invoice_tax_missing"),
        (f"抬头 示范科技有限公司 税号 {CODE[:-1]}4", "invoice_tax_wrong"),
        ("抬头 示范科技有限公司 税号 1234567890", "invoice_tax_wrong"),
        ("发票抬头怎么填", "invoice_how"),
        ("抬头可以改吗", "invoice_how"),
        ("开票信息在哪填", "invoice_how"),
        ("抬头", "invoice_how"),
    ],
)
def test_titles(text: str, meant: Title | str) -> None:
    assert read_title(text, TODAY) == meant
