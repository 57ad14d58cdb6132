"""Finds which of a customer's orders a complaint means, by the scene, amount, period, account and day that it names."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from bot.kernel.clock import business_day
from bot.payments.values import Order

Slots = Mapping[str, str | int]
_Fits = Callable[[Order], bool]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The orders that may be meant, and whether something was said that fits none of them."""

    orders: tuple[Order, ...]
    missed: bool = False


def narrowed(orders: Sequence[Order], scene: str | None, slots: Slots, day: date | None) -> Narrowed:
    """Return the orders that fit what was said; what fits none is passed over, for people misremember."""
    kept, missed = tuple(orders), False
    for fits in _said(scene, slots, day):
        fitting = tuple(order for order in kept if fits(order))
        kept, missed = (fitting, missed) if fitting else (kept, True)
    return Narrowed(kept, missed)


def _said(scene: str | None, slots: Slots, day: date | None) -> list[_Fits]:
    said: list[_Fits] = []
    if scene is not None:
        said.append(lambda order: order.scene == scene)
    if day is not None:
        said.append(lambda order: business_day(order.paid_at or order.created_at) == day)
    amount, period = slots.get("amount"), slots.get("period")
    if amount is not None:
        fen = int(amount)
        said.append(lambda order: fen == order.amount or any(fen == line.amount for line in order.lines))
    if period is not None:
        said.append(lambda order: any(line.period == period for line in order.lines))
    account = str(slots.get("account") or slots.get("phone") or slots.get("plate") or "")
    if len(account) >= _TAIL:
        tail = account[-_TAIL:]
        said.append(lambda order: any(line.account_mask.endswith(tail) for line in order.lines))
    return said


_TAIL = 4
