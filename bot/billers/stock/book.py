"""The one hand on the stock: takes, sells, releases and gives back, so that capacity and quotas are never exceeded.

Every change of an offer begins with its row: on PostgreSQL that row is locked, on SQLite there is one writer. ``taken``
then changes by a statement that compares it with the capacity once more, and the table itself refuses what neither
saw. A quota is a row for each ticket in somebody's name, whose key can exist once only.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from bot.billers.port import PaidLine, Refusal, Refused, Reversed, Settled
from bot.billers.proofs import Voucher
from bot.billers.stock.values import Offer, Wish
from bot.kernel.clock import from_micros, to_micros
from bot.kernel.ids import new_id
from bot.storage.port import Reader, Row, Tx

# Where this file may lead a hold. What was released may be taken again by a payment that came late.
HOLD: Final[Mapping[str, frozenset[str]]] = {
    "held": frozenset({"sold", "released"}),
    "released": frozenset({"sold"}),
    "sold": frozenset({"refunded"}),
    "refunded": frozenset(),
}
OFFERS_MAX: Final = 400

_OFFER: Final[Mapping[Literal["sqlite", "postgresql"], str]] = {
    "sqlite": "SELECT * FROM offers WHERE id = $1",
    "postgresql": "SELECT * FROM offers WHERE id = $1 FOR UPDATE",
}
_HOLD: Final = "SELECT * FROM holds WHERE id = $1"
_TAKE: Final = "UPDATE offers SET taken = taken + $2, changed_at = $3 WHERE id = $1 AND taken + $2 <= capacity"
_GIVE: Final = "UPDATE offers SET taken = taken - $2, changed_at = $3 WHERE id = $1 AND taken >= $2"
_ADD: Final = """
INSERT INTO holds (id, offer_id, quantity, amount, people, state, expires_at, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, 'held', $6, $7, $7)
"""
_EXPIRED_OF: Final = """
SELECT id FROM holds WHERE offer_id = $1 AND state = 'held' AND expires_at <= $2 ORDER BY id LIMIT 200
"""
_EXPIRED: Final = "SELECT id FROM holds WHERE state = 'held' AND expires_at <= $1 ORDER BY expires_at LIMIT $2"
_RELEASE: Final = "UPDATE holds SET state = 'released', changed_at = $2 WHERE id = $1 AND state = 'held'"
_SELL: Final = """
UPDATE holds SET state = 'sold', line_id = $3, voucher = $4, changed_at = $2 WHERE id = $1 AND state = $5
"""
_REFUSE: Final = """
UPDATE holds SET line_id = $3, refusal = $4, changed_at = $2 WHERE id = $1 AND state = 'released' AND line_id IS NULL
"""
_REFUND: Final = """
UPDATE holds SET state = 'refunded', changed_at = $2 WHERE id = $1 AND state = 'sold' AND used_at IS NULL
"""
_USE: Final = """
UPDATE holds SET used_at = $2, changed_at = $2 WHERE voucher = $1 AND state = 'sold' AND used_at IS NULL
  AND EXISTS (SELECT 1 FROM offers o JOIN bill_items i ON i.id = o.item_id
    WHERE o.id = holds.offer_id AND i.merchant_id = $3)
"""
_VOUCHER: Final = "SELECT id FROM holds WHERE voucher = $1"
_NAMED: Final = """
INSERT INTO passes (item_id, day, person_hash, turn, hold_id) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""
_UNNAME: Final = "DELETE FROM passes WHERE hold_id = $1"
_PUT: Final = """
INSERT INTO offers (id, item_id, kind, day, slot, starts_at, ends_sale_at, price, capacity, taken, per_person, state,
  changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, 'active', $11)
ON CONFLICT (id) DO UPDATE SET ends_sale_at = excluded.ends_sale_at, price = excluded.price,
  capacity = excluded.capacity, per_person = excluded.per_person, changed_at = excluded.changed_at
WHERE offers.taken <= excluded.capacity
"""
_ON_SALE: Final = """
SELECT o.*, COALESCE((SELECT SUM(h.quantity) FROM holds h
  WHERE h.offer_id = o.id AND h.state = 'held' AND (h.expires_at <= $2 OR h.id = $4)), 0) AS lapsed
FROM offers o WHERE o.item_id = $1 AND o.state = 'active' AND o.ends_sale_at > $2
ORDER BY o.day, o.slot, o.price DESC, o.kind LIMIT $3
"""


class OverQuota(Exception):
    """One identity number would have more of an item and day than it may; ends the transaction."""


async def put(tx: Tx, offer: Offer, now: datetime) -> bool:
    """Add an offer or bring it up to date; what was taken of it stays. False where fewer are wanted than are taken."""
    values = (offer.id, offer.item_id, offer.kind, offer.day, offer.slot, to_micros(offer.starts_at))
    terms = (to_micros(offer.ends_sale_at), offer.price, offer.capacity, offer.per_person)
    return bool(await tx.execute(_PUT, *values, *terms, to_micros(now)))


async def on_sale(reader: Reader, item_id: str, at: datetime, own: str) -> Sequence[Offer]:
    """Return what can be bought of an item now; holds that have run out, and ``own``, count as given back already."""
    rows = await reader.rows(_ON_SALE, item_id, to_micros(at), OFFERS_MAX, own)
    offers = [offer_of(row, lapsed=int(row["lapsed"])) for row in rows]
    return [offer for offer in offers if offer.left > 0]


async def hold(tx: Tx, item_id: str, wish: Wish, now: datetime, expires_at: datetime) -> tuple[str, Offer] | Refusal:
    """Take ``wish.quantity`` pieces of an item off the shelf until ``expires_at``; return the hold's id and the offer.

    Raises OverQuota, so that what was begun is undone.
    """
    if wish.instead_of:
        await _give_up(tx, wish.instead_of, wish.offer_id, now)
    row = await tx.row(_OFFER[tx.engine], wish.offer_id)
    if row is None or row["item_id"] != item_id or row["state"] != "active" or row["ends_sale_at"] <= to_micros(now):
        return Refusal("sale_over")
    await _release_expired(tx, wish.offer_id, now)
    at = to_micros(now)
    if not await tx.execute(_TAKE, wish.offer_id, wish.quantity, at):
        return Refusal("sold_out")
    offer, hold_id = offer_of(row), new_id("hld", now)
    amount = offer.price * wish.quantity
    people = ",".join(wish.people)
    await tx.execute(_ADD, hold_id, offer.id, wish.quantity, amount, people, to_micros(expires_at), at)
    if not await _name(tx, offer, hold_id, wish.people):
        raise OverQuota
    return hold_id, offer


async def settle(tx: Tx, line: PaidLine, now: datetime) -> Settled | Refused:
    """Sell a hold to a paid line, once; one that has run out is taken again where there is still something left."""
    found = await _locked(tx, line.bill_no or "")
    if found is None:
        return Refused("not_found")
    offer, held = found
    answer = _answered(line, held)
    if answer is not None:
        return answer
    if held["amount"] != line.amount:
        return Refused("amount")
    if held["state"] == "released" and not await _take_again(tx, offer, held, now):
        await tx.execute(_REFUSE, held["id"], to_micros(now), line.id, "sold_out")
        return Refused("sold_out")
    voucher = await _new_voucher(tx)
    await tx.execute(_SELL, held["id"], to_micros(now), line.id, voucher.code, held["state"])
    return Settled(voucher.ref)


async def settlement(reader: Reader, line: PaidLine) -> Settled | Refused | None:
    """Return what was answered to a paid line; None where it was never told of."""
    held = await reader.row(_HOLD, line.bill_no or "")
    return None if held is None else _answered(line, held)


async def undo(tx: Tx, line: PaidLine, now: datetime) -> Reversed | Refused:
    """Give what a line bought back to the shelf, once, as long as nobody has used it."""
    found = await _locked(tx, line.bill_no or "")
    if found is None or found[1]["line_id"] != line.id or found[1]["state"] not in ("sold", "refunded"):
        return Refused("not_found")
    offer, held = found
    if held["state"] == "sold":
        if not await tx.execute(_REFUND, held["id"], to_micros(now)):
            return Refused("used")
        await _give(tx, offer.id, held, now)
    return Reversed(line.id)


async def reversal(reader: Reader, line: PaidLine) -> Reversed | None:
    """Return how an undo stands; None where none was carried out."""
    held = await reader.row(_HOLD, line.bill_no or "")
    done = held is not None and held["line_id"] == line.id and held["state"] == "refunded"
    return Reversed(line.id) if done else None


async def offer_behind(reader: Reader, hold_id: str) -> Offer | None:
    """Return the offer of a hold."""
    held = await reader.row(_HOLD, hold_id)
    row = None if held is None else await reader.row(_OFFER["sqlite"], held["offer_id"])
    return None if row is None else offer_of(row)


async def use(tx: Tx, voucher: Voucher, merchant_id: str, now: datetime) -> bool:
    """Take a voucher at its merchant's gate; False for one that is unknown, another's, given back or used before."""
    return bool(await tx.execute(_USE, voucher.code, to_micros(now), merchant_id))


async def expired(reader: Reader, now: datetime, limit: int) -> Sequence[str]:
    """Return holds whose time is over, the longest first."""
    return [row["id"] for row in await reader.rows(_EXPIRED, to_micros(now), limit)]


async def release(tx: Tx, hold_id: str, now: datetime) -> bool:
    """Return a hold to the shelf whose time is over; False where it is not, or was sold or released meanwhile."""
    found = await _locked(tx, hold_id)
    if found is None or found[1]["state"] != "held" or found[1]["expires_at"] > to_micros(now):
        return False
    await _release(tx, found[0].id, found[1], now)
    return True


def offer_of(row: Row, lapsed: int = 0) -> Offer:
    """Read an offer; ``lapsed`` pieces are held by nobody any more."""
    return Offer(
        id=row["id"],
        item_id=row["item_id"],
        kind=row["kind"],
        day=row["day"],
        slot=row["slot"],
        starts_at=from_micros(row["starts_at"]),
        ends_sale_at=from_micros(row["ends_sale_at"]),
        price=row["price"],
        capacity=row["capacity"],
        taken=row["taken"] - lapsed,
        per_person=row["per_person"],
    )


async def _locked(tx: Tx, hold_id: str) -> tuple[Offer, Row] | None:
    """Lock the offer of a hold and read the hold behind that lock."""
    before = await tx.row(_HOLD, hold_id)
    offer = None if before is None else await tx.row(_OFFER[tx.engine], before["offer_id"])
    held = await tx.row(_HOLD, hold_id)
    return None if offer is None or held is None else (offer_of(offer), held)


def _answered(line: PaidLine, held: Row) -> Settled | Refused | None:
    if held["line_id"] is None:
        return None
    if held["line_id"] != line.id:
        return Refused("conflict")
    if held["refusal"] is not None:
        return Refused(held["refusal"])
    return Settled(Voucher(held["voucher"]).ref)


async def _take_again(tx: Tx, offer: Offer, held: Row, now: datetime) -> bool:
    """Take what was released once more; what does not fit any more is left as it was."""
    await _release_expired(tx, offer.id, now)
    if not await tx.execute(_TAKE, offer.id, held["quantity"], to_micros(now)):
        return False
    people = tuple(filter(None, held["people"].split(",")))
    if await _name(tx, offer, held["id"], people):
        return True
    await tx.execute(_GIVE, offer.id, held["quantity"], to_micros(now))
    await tx.execute(_UNNAME, held["id"])
    return False


async def _give_up(tx: Tx, hold_id: str, next_offer: str, now: datetime) -> None:
    """Release the hold that a customer exchanges for another, whose offer is locked after it in one order."""
    before = await tx.row(_HOLD, hold_id)
    if before is None or before["state"] != "held":
        return
    # Both offers are locked in the order of their ids, so that two exchanges never wait for each other.
    for offer_id in sorted({before["offer_id"], next_offer}):
        await tx.row(_OFFER[tx.engine], offer_id)
    held = await tx.row(_HOLD, hold_id)
    if held is not None and held["state"] == "held":
        await _release(tx, held["offer_id"], held, now)


async def _release_expired(tx: Tx, offer_id: str, now: datetime) -> None:
    for row in await tx.rows(_EXPIRED_OF, offer_id, to_micros(now)):
        held = await tx.row(_HOLD, row["id"])
        assert held is not None, "holds are never deleted"
        await _release(tx, offer_id, held, now)


async def _release(tx: Tx, offer_id: str, held: Row, now: datetime) -> None:
    if await tx.execute(_RELEASE, held["id"], to_micros(now)):
        await _give(tx, offer_id, held, now)


async def _give(tx: Tx, offer_id: str, held: Row, now: datetime) -> None:
    """Put the pieces of a hold back on the shelf, and its names out of the book."""
    await tx.execute(_GIVE, offer_id, held["quantity"], to_micros(now))
    await tx.execute(_UNNAME, held["id"])


async def _name(tx: Tx, offer: Offer, hold_id: str, people: Sequence[str]) -> bool:
    """Write one ticket of the day into the book for every name; False when somebody has all that they may."""
    if not offer.per_person:
        return True
    # In one order, so that two families with common members never wait for each other.
    for person in sorted(people):
        for turn in range(1, offer.per_person + 1):
            if await tx.execute(_NAMED, offer.item_id, offer.day, person, turn, hold_id):
                break
        else:
            return False
    return True


async def _new_voucher(tx: Tx) -> Voucher:
    while True:
        voucher = Voucher.new()
        if await tx.row(_VOUCHER, voucher.code) is None:
            return voucher
