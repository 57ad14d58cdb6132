"""Holds our books against what the simulators remember: every fen, and every biller."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from bot.commands.books import audit_house
from bot.wiring import House

Facts = Mapping[str, Any]

# What is still to be delivered or decided; a question to a gateway that is due later is no such thing.
_WORK = """
SELECT kind || ':' || state AS what, COUNT(*) AS many FROM outbox
WHERE state IN ('ready', 'leased') AND kind IN ('fulfil', 'refund_surplus', 'refund_submit') GROUP BY kind, state
UNION ALL
SELECT 'line:' || l.state, COUNT(*) FROM order_lines l JOIN orders o ON o.id = l.order_id
WHERE o.state = 'paid' AND l.state IN ('none', 'sent', 'unknown') GROUP BY l.state
"""
# What each charge brought to its merchant, all corrections included.
_CREDITED = """
SELECT c.out_trade_no, c.amount, c.state, COALESCE(SUM(CASE WHEN substr(p.destination, 1, 9) = 'merchant:' THEN p.amount
  WHEN substr(p.source, 1, 9) = 'merchant:' THEN -p.amount ELSE 0 END), 0) AS credited
FROM charges c LEFT JOIN postings p ON p.charge_id = c.id
GROUP BY c.id, c.out_trade_no, c.amount, c.state
"""
_LINES = """
SELECT l.id, l.biller, l.amount, l.state FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE o.state = 'paid'
"""


async def taken(session: aiohttp.ClientSession, url: str) -> dict[str, Facts]:
    """Return what WeChat Pay took, by number: all its orders, read page by page."""
    found: list[Facts] = []
    for _ in range(1000):
        page = await read(session, f"{url}/_sim/orders?after={len(found)}")
        found += page["orders"]
        if not page["orders"] or len(found) >= page["total"]:
            break
    return {order["out_trade_no"]: order for order in found if order["state"] in ("SUCCESS", "REFUND")}


async def unfinished(house: House, session: aiohttp.ClientSession, pay_url: str) -> dict[str, int]:
    """Return what has not come to its end yet, counted by kind; empty when all is done."""
    left = {str(row["what"]): int(row["many"]) for row in await house.database.rows(_WORK)}
    paid = await taken(session, pay_url)
    books = {row["out_trade_no"] for row in await house.database.rows(_CREDITED) if row["state"] == "paid"}
    if unheard := len(paid.keys() - books):
        left["paid and unheard of"] = unheard
    return left


async def problems(house: House, session: aiohttp.ClientSession, urls: Mapping[str, str]) -> list[str]:
    """Return what is wrong; an empty list says that every fen and every biller is accounted for."""
    paid = await taken(session, urls["wechatpay"])
    told: Mapping[str, int] = await read(session, f"{urls['biller']}/_sim/settled")
    return [*await _money(house, paid), *await _billers(house, told), *await audit_house(house)]


async def _money(house: House, paid: Mapping[str, Facts]) -> list[str]:
    books = {row["out_trade_no"]: row for row in await house.database.rows(_CREDITED)}
    wrong = [f"paid at the gateway and unknown to us: {number}" for number in paid.keys() - books.keys()]
    for number, row in books.items():
        due = paid[number]["amount"]["total"] if number in paid else 0
        if row["credited"] != due:
            wrong.append(f"charge {number} ({row['state']}): the payer paid {due}, credited {row['credited']}")
    return wrong


async def _billers(house: House, told: Mapping[str, int]) -> list[str]:
    wrong = []
    lines = await house.database.rows(_LINES)
    for line in lines:
        settled = line["state"] == "settled"
        if not settled or (line["biller"] == "power" and told.get(line["id"]) != line["amount"]):
            wrong.append(f"a paid line was not told: {line['id']} {line['state']}, biller has {told.get(line['id'])}")
    unpaid = told.keys() - {line["id"] for line in lines}
    return wrong + [f"the biller was told of a line that is not paid: {line}" for line in unpaid]


async def read(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url) as answer:
        return await answer.json()
