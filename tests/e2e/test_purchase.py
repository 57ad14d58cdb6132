"""A customer's purchase from the first word to the receipt, in each of the three scenes."""

import asyncio
import re

from bot.demo.town import OPENID
from tests.e2e.driver import DESKTOP, Town, link_in


async def test_hosted_bill_by_chat(town: Town) -> None:
    """物业: two months chosen from the list, paid, settled in our own books, receipt in the chat, audit clean."""
    shown = await town.chat("交物业费", "3栋2单元501", "陈晓明")
    assert "2026-09" in shown and "合计" in shown
    confirm = await town.say("1,2")
    assert "阳光花园物业服务有限公司" in confirm and "回复 1 确认" in confirm
    token = await town.pay(link_in(await town.say("1")))
    await town.settled(token)

    async def told() -> bool:
        return any("付款成功" in text for text in await town.messages())

    await town.until(told)
    status, _, page = await town.open(f"{town.demo.public_url}/receipts/{token}")
    assert status == 200 and "已销账" in page
    assert await town.audit() == []


async def test_second_time_needs_three_turns_at_most(town: Town) -> None:
    """A known account: one word shows the bills, one number chooses, one confirms."""
    await town.chat("交物业费", "1-1-301", "林美华", "取消")
    reply = await town.say("交物业费")
    assert "回复 1 确认" in reply
    assert "/cashier/" in link_in(await town.say("1"))


async def test_remote_bill_is_told_to_its_biller(town: Town) -> None:
    """电费: the bills come through the signed connector, and the biller's own books show the payment."""
    await town.chat("查电费 0512345678", "全部")
    token = await town.pay(link_in(await town.say("1")))
    await town.settled(token)
    order = await town.order(token)
    settled = await town.look("biller", "settled")
    assert sum(settled.values()) == order["amount"]
    assert await town.audit() == []


async def test_amount_at_a_store_by_chat(town: Town) -> None:
    """餐饮: the payer names the store and the amount."""
    reply = await town.chat("买单", "1", "二十五块五")
    assert "25.50" in reply
    token = await town.pay(link_in(await town.say("1")))
    await town.settled(token)
    assert (await town.order(token))["amount"] == 2550


async def test_static_code_in_wechat(town: Town) -> None:
    """A store's code: amount page, order, payment; the form sent twice is one order."""
    code = town.demo.codes[0]
    url = f"{town.demo.public_url}/q/{code.token}"
    status, _, page = await town.open(url)
    assert status == 200 and "老街面馆" in page
    nonce = re.search(r'name="nonce" value="([^"]+)"', page)
    assert nonce is not None
    headers = {"Accept": "application/json", "User-Agent": "MicroMessenger"}
    answers = []
    for _ in range(2):
        form = {"amount": "18.80", "nonce": nonce[1]}
        async with town.browser.post(f"{url}/order", data=form, headers=headers) as answer:
            answers.append(await answer.json())
    assert answers[0] == answers[1]
    token = await town.pay(town.demo.public_url + answers[0]["url"])
    await town.settled(token)
    assert (await town.order(token))["amount"] == 1880
    assert await town.audit() == []


async def test_desktop_sees_the_code_and_its_live_status(town: Town) -> None:
    """A link opened on a desktop shows a code; paid by phone, the long poll answers at once."""
    link = link_in(await town.chat("买单", "1", "8", "1"))
    status, _, page = await town.open(link, DESKTOP)
    assert status == 200
    source = re.search(r'src="(/q/[^"]+\.svg)"', page)
    assert source is not None
    async with town.browser.get(town.demo.public_url + source[1]) as image:
        assert image.status == 200 and image.content_type == "image/svg+xml"
    status, final, _ = await town.open(town.demo.public_url + source[1].removesuffix(".svg"))
    assert status == 200 and final == link
    token = await town.pay(link)
    async with town.control.get(f"{town.demo.public_url}/cashier/{token}/status?since=created") as answer:
        assert (await answer.json())["state"] == "paid"


async def test_whole_story_under_one_trace(town: Town) -> None:
    """From the order to the postings everything carries the trace id of the message that confirmed it."""
    token = await town.pay(link_in(await town.chat("买单", "2", "66", "1")))
    await town.settled(token)
    order = await town.order(token)
    rooms: set[str] = set()
    for _ in range(100):
        # What the house's own round has just taken to write is not ours to flush, and may still be on its way.
        await town.demo.house.traces.flush()
        rooms = {room for _, room, _, _, _ in await town.demo.house.traces.story(order["trace_id"])}
        if "note" in rooms:
            break
        await asyncio.sleep(0.03)
    assert {"order", "charge", "notice", "posting", "job", "note"} <= rooms
    assert OPENID not in str(await town.demo.house.traces.story(order["trace_id"]))
