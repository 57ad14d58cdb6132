"""A menu's faults are told all at once and by place."""

from typing import Any

import pytest

from bot.channels.official.menu import faults_of

VIEW = {"type": "view", "name": "账单", "url": "https://pay.example/"}
CLICK = {"type": "click", "name": "缴费", "key": "pay"}


def test_a_good_menu() -> None:
    mini = {"type": "miniprogram", "name": "小程序", "appid": "wx1", "pagepath": "p", "url": "https://a.example/"}

    assert faults_of({"button": [CLICK, {"name": "更多", "sub_button": [VIEW, CLICK, mini]}, VIEW]}) == []


@pytest.mark.parametrize(
    ("menu", "fault"),
    [
        ({}, "1 to 3"),
        ({"button": []}, "1 to 3"),
        ({"button": "x"}, "1 to 3"),
        ({"button": [CLICK] * 4}, "1 to 3"),
        ({"button": ["x"]}, "no object"),
        ({"button": [{**CLICK, "name": "一二三四五六"}]}, "16 bytes"),
        ({"button": [{**CLICK, "name": ""}]}, "no name"),
        ({"button": [{**CLICK, "key": "k" * 129}]}, "128 bytes"),
        ({"button": [{**VIEW, "url": "u" * 1025}]}, "1024 bytes"),
        ({"button": [{"type": "click", "name": "a"}]}, "needs key"),
        ({"button": [{"type": "buy", "name": "a"}]}, "type is one of"),
        ({"button": [{"name": "a"}]}, "type is one of"),
        ({"button": [{"name": "a", "sub_button": [VIEW] * 6}]}, "at most 5"),
        ({"button": [{"name": "a", "sub_button": "x"}]}, "at most 5"),
        ({"button": [{"name": "a", "sub_button": ["x"]}]}, "no object"),
        ({"button": [{"name": "a", "sub_button": [{"name": "b", "sub_button": [VIEW]}]}]}, "two levels"),
        ({"button": [{"name": "a", "sub_button": [{**VIEW, "name": "字" * 21}]}]}, "60 bytes"),
    ],
)
def test_faults(menu: dict[str, Any], fault: str) -> None:
    assert [found for found in faults_of(menu) if fault in found]


def test_all_faults_at_once() -> None:
    menu = {"button": [{"type": "click"}, {"name": "a", "sub_button": [{"type": "view"}]}]}

    assert faults_of(menu) == [
        "button 1: has no name",
        "button 1: click needs key",
        "button 2.1: has no name",
        "button 2.1: view needs url",
    ]
