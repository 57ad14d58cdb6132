"""Photos sent in the chat, through the real webhook and the platform's media store: a printed code, a payment code."""

from typing import Any

import pytest

from bot.demo.town import OPENID
from qrcodes.tokens import code_url
from tests.e2e.driver import Town
from tests.photos import bar, jpeg, photo, qr

PAYMENT_CODE = "134512345678901234"


async def send(town: Town, picture: bytes, openid: str = OPENID) -> str:
    """Have the customer take a photo and send it; return the passive reply."""
    url = f"{town.demo.town.wechat_url}/_sim/picture?openid={openid}"
    async with town.control.post(url, data=picture, headers={"Content-Type": "image/jpeg"}) as answer:
        assert answer.status == 200, await answer.text()
        sent: dict[str, Any] = await answer.json()
    assert not sent["fault"], sent
    return "\n".join(reply.get("text") or "" for reply in sent["replies"])


async def test_a_photo_of_a_printed_code_is_as_good_as_scanning_it(town: Town) -> None:
    url = code_url(town.demo.public_url, town.demo.codes[0].token)

    answer = await send(town, jpeg(photo(qr(url), turned=6, scale=0.9)))

    assert "请发送付款金额" in answer
    assert "/cashier/" in await town.chat("25.5", "1")
    assert (await town.look("wechat", "calls?path=/cgi-bin/media/get"))["count"] == 1


async def test_a_photo_of_a_bill_asks_for_what_it_owes(town: Town) -> None:
    answer = await send(town, jpeg(photo(bar("0512345678"), turned=-5)))

    # Ten digits may be an account of several companies: which is asked, by number.
    lines = [line for line in answer.splitlines() if "示范供电 电费 ****5678" in line]
    if lines:
        answer = await town.say(lines[0].partition(".")[0])
    assert "电费" in answer
    assert "元" in answer


async def test_a_photo_of_a_payment_code_is_refused_and_kept_nowhere(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await send(town, jpeg(photo(bar(PAYMENT_CODE), turned=2)))

    assert "付款码" in answer
    assert "不要发给任何人" in answer
    out = capsys.readouterr()
    assert PAYMENT_CODE not in out.out + out.err
    for rows in (
        await town.demo.house.database.rows("SELECT * FROM traces"),
        await town.demo.house.database.rows("SELECT * FROM outbox"),
        await town.demo.house.database.rows("SELECT * FROM audit"),
    ):
        assert PAYMENT_CODE not in repr([tuple(row) for row in rows])


async def test_a_photo_of_a_foreign_link_opens_nothing(town: Town) -> None:
    answer = await send(town, jpeg(photo(qr("http://127.0.0.1:9/q/steal"), turned=9)))

    assert "别处的链接" in answer
