"""Lets a history run out, and holds the books against what every platform and biller remembers."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final, cast

from bot.commands.books import audit_house
from bot.payments.states import LIVE, quoted
from bot.wiring import House
from tests.stateful.driver import Driver
from tests.stateful.platforms import Taken
from tests.stateful.work import KINDS
from tests.stateful.world import World

# Pauses between the rounds of the end: minutes first, then hours, past every expiry and every schedule.
PAUSES: Final = (*(6.0,) * 8, *(65.0,) * 6, *(310.0,) * 8, *(1000.0,) * 6, *(4000.0,) * 12, *(30_000.0,) * 6)
# Some rounds happen whatever the books say, so that refunds and passwords at the platforms come to their end.
ROUNDS_MIN: Final = 4
_UNDER_WAY: Final = f"""
SELECT (SELECT COUNT(*) FROM outbox WHERE state = 'ready' AND kind IN {KINDS})
  + (SELECT COUNT(*) FROM charges WHERE state IN ({quoted(LIVE)}))
  + (SELECT COUNT(*) FROM orders WHERE state IN ('created', 'closing'))
  + (SELECT COUNT(*) FROM refunds WHERE state IN ('requested', 'approved', 'pending', 'unknown')) AS rest
"""  # noqa: S608 - Names of our own states.
# What came from payers, by the charge that it came for.
_RECEIVED: Final = """
SELECT c.out_trade_no AS number, p.amount, p.source FROM postings p LEFT JOIN charges c ON c.id = p.charge_id
WHERE substr(p.source, 1, 7) = 'payers:' AND substr(p.destination, 1, 9) = 'clearing:'
"""
_REFUNDED: Final = "SELECT out_refund_no, amount FROM refunds WHERE state = 'succeeded'"
_SUSPENDED: Final = "SELECT out_trade_no FROM suspense WHERE state <> 'applied'"
_LINES: Final = """
SELECT l.id, l.order_id, l.amount, l.state, l.claim, o.state AS order_state, c.out_trade_no
FROM order_lines l JOIN orders o ON o.id = l.order_id LEFT JOIN charges c ON c.id = o.paid_charge_id
"""
_PARTS: Final = """
SELECT order_id, amount FROM refunds WHERE state = 'succeeded' AND suspense_id IS NULL AND line_id = 'part'
"""


async def run_out(driver: Driver) -> None:
    """Deliver every notice, work and sweep until nothing is under way, with time passing in between."""
    world = driver.world
    world.bag.open = True
    world.biller.scripts.clear()
    for turn, pause in enumerate(PAUSES):
        if turn in (0, 2):
            await _deliver_all(world)
        await _judge_all(world)
        await driver.work()
        await driver.sweep()
        await world.pass_time(pause)
        if turn >= ROUNDS_MIN and not await _under_way(world):
            await _deliver_all(world)
            if not await _under_way(world):
                return
    raise AssertionError(f"{await _under_way(world)} things never came to their end")


async def _under_way(world: World) -> int:
    row = await world.database.row(_UNDER_WAY)
    assert row is not None
    return int(row["rest"])


async def _deliver_all(world: World) -> None:
    """Every letter that waits arrives, and every platform tells all that it ever told once more."""
    letters, world.bag.letters = world.bag.letters, []
    for letter in letters:
        await world.take(letter)
    for platform in world.platforms.values():
        for notice in platform.notices():
            await platform.deliver(notice)
    await world.rest()


async def _judge_all(world: World) -> None:
    for row in await world.database.rows("SELECT id FROM refunds WHERE state = 'requested' ORDER BY id"):
        await world.payments.refunds.approve(row["id"], "李四")


async def complaints(driver: Driver) -> list[str]:
    """Return a line for everything that does not agree; an empty list means that every fen is explained."""
    world = driver.world
    taken = {number: each for platform in world.platforms.values() for number, each in platform.books().items()}
    return [
        # What the command line's audit looks at is database, clock and vault.
        *(f"audit: {line}" for line in await audit_house(cast("House", world))),
        *await _payments(world, taken),
        *await _refunds(world, taken),
        *await _fulfilment(world, taken),
    ]


async def _payments(world: World, taken: Mapping[str, Taken]) -> list[str]:
    """Every payment is in the ledger once; one that its platform has given back may lie in suspense, or be unknown."""
    received: dict[str, list[int]] = defaultdict(list)
    for row in await world.database.rows(_RECEIVED):
        received[str(row["number"])].append(row["amount"])
    suspended = {row["out_trade_no"] for row in await world.database.rows(_SUSPENDED)}
    found = [f"payment {number} of nobody: {received[number]}" for number in sorted(set(received) - set(taken))]
    for number, payment in sorted(taken.items()):
        entered = received.get(number, [])
        if entered == [payment.amount]:
            if payment.undone and number not in suspended:
                found.append(f"payment {number} was given back by its platform and is applied")
        elif entered or not payment.undone:
            found.append(f"payment {number} of {payment.amount} is in the ledger as {entered}")
    return found


async def _refunds(world: World, taken: Mapping[str, Taken]) -> list[str]:
    books = {row["out_refund_no"]: row["amount"] for row in await world.database.rows(_REFUNDED)}
    theirs: dict[str, int] = {}
    for payment in taken.values():
        theirs.update(payment.refunds)
    differing = sorted(number for number in {*books, *theirs} if books.get(number) != theirs.get(number))
    found = [f"refund {number}: books {books.get(number)}, platform {theirs.get(number)}" for number in differing]
    over = [number for number, payment in taken.items() if sum(payment.refunds.values()) > payment.amount]
    return [*found, *(f"payment {number} was refunded beyond its amount" for number in sorted(over))]


async def _fulfilment(world: World, taken: Mapping[str, Taken]) -> list[str]:
    """What a biller has booked is paid for by money that is still there; nothing is booked twice."""
    lines = {row["id"]: row for row in await world.database.rows(_LINES)}
    parts: Counter[str] = Counter()
    for row in await world.database.rows(_PARTS):
        parts[row["order_id"]] += row["amount"]
    found, booked, claims = [], Counter[str](), Counter[str]()
    orders: dict[str, str] = {}
    for line_id in world.biller.booked:
        line = lines[line_id]
        if line["order_state"] != "paid":
            found.append(f"line {line_id} is booked and its order is {line['order_state']}")
            continue
        booked[line["order_id"]] += line["amount"]
        orders[line["order_id"]] = line["out_trade_no"]
        if line["claim"] is not None:
            claims[line["claim"]] += 1
    found += [f"claim {claim} is booked {times} times" for claim, times in claims.items() if times > 1]
    for order_id, worth in booked.items():
        payment = taken.get(orders[order_id])
        kept = 0 if payment is None or payment.undone else payment.amount - sum(payment.refunds.values())
        if worth > kept + parts[order_id]:
            found.append(f"order {order_id} is booked for {worth} and {kept} was kept")
    settled = {line["id"] for line in lines.values() if line["state"] in ("settled", "reversing", "reversal_refused")}
    return found + [f"line {line} is settled for nobody" for line in sorted(settled - world.biller.booked)]
