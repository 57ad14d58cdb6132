"""From the facts of an order to what is said about it: pure functions, so that each situation is a row of a test.

Money is never promised here: what is offered is checked again when it is confirmed, by the room and by the payments.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.dialogue.steps import Facts, Option
from bot.kernel.masking import mask_account
from bot.payments.dossier import Dossier, Surplus
from bot.payments.values import Order, OrderLine

# A biller that has not booked a payment after so long is late: a person looks at it.
_LATE: Final = timedelta(hours=2)
# A gateway that does not know after so long whether it was paid.
_UNPAID_LATE: Final = timedelta(minutes=30)
# Lines on their way to a biller.
ON_THE_WAY: Final = frozenset({"none", "sent", "unknown"})
# Surplus of these kinds the core itself gives back; any other is looked at by a person first.
_SURELY_SURPLUS: Final = frozenset({"second_payment", "claimed", "closed"})
# Nothing that these carried can be taken back by a machine (domain.md §3.1, 18).
_NOT_REVERSIBLE: Final = frozenset({"telecom"})


@dataclass(frozen=True, slots=True)
class Said:
    """One message with its values."""

    code: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class Story:
    """What is said, what is offered as numbered choices after it, and the dispute for which a ticket is opened."""

    says: tuple[Said, ...]
    offers: tuple[Option, ...] = ()
    ticket: str | None = None


def story(dossier: Dossier, wish: str, dispute: str, now: datetime, limit: int) -> Story:
    """Return what to say to a wish about an order; ``limit`` is what a customer may ask back alone, in fen."""
    says = tuple(_facts(dossier, wish, now))
    if not dossier.order.paid and not dossier.surplus:
        return _unpaid(dossier, wish, dispute, says, now)
    offers = tuple(_give_back(dossier, limit))
    if not dossier.order.paid:
        return Story(says, (*offers, file_option(wish, dispute, dossier.order.id)) if offers else ())
    match wish:
        case "not_credited":
            return _not_credited(dossier, dispute, says, offers, now)
        case "duplicate":
            return _duplicate(dossier, dispute, says, offers)
        case "refund":
            return _refund(dossier, says, offers)
        case "refund_state":
            return _refund_state(dossier, says, offers)
        case _:
            return _mistaken(dossier, wish, dispute, says, offers)


def returnable(dossier: Dossier, limit: int) -> tuple[OrderLine, ...]:
    """Return the lines that a customer may have back without a person: refused by their biller, and not yet met.

    Never one that its biller has booked or may still book: that needs the biller's undo, and a person's eye.
    """
    order = dossier.order
    return tuple(
        line
        for line in order.lines
        if order.paid
        and line.state == "refused"
        and line.id not in dossier.decided
        and dossier.refund_of(line) is None
        and order.refunded + line.amount <= limit
    )


def returnable_surplus(dossier: Dossier, limit: int) -> tuple[Surplus, ...]:
    """Return the surplus that the core calls surplus and nobody gives back yet."""
    return tuple(
        each
        for each in dossier.surplus
        if each.refund is None
        and each.receipt.state == "held"
        and each.receipt.reason in _SURELY_SURPLUS
        and each.receipt.amount <= limit
    )


def file_option(wish: str, dispute: str, order_id: str, label: str = "file") -> Option:
    """Return the choice that opens a ticket."""
    return Option(f"file:{wish}:{dispute}:{order_id}", label)


# --- what is so ------------------------------------------------------------------------------------------------------


def _facts(dossier: Dossier, wish: str, now: datetime) -> Iterator[Said]:
    order = dossier.order
    yield Said("after_header", {"order": order, "at": order.paid_at or order.created_at})
    if not order.paid and not dossier.surplus:
        charge = dossier.live
        yield Said("after_unpaid", {"asking": charge is not None and charge.state == "unknown", "order": order})
    if order.paid:
        for line in order.lines:
            refund = dossier.refund_of(line)
            if refund is None or refund.line_id is not None or line.state not in ("none", "refused", "reversed"):
                yield Said("after_line", {"line": line, "met": line.id in dossier.decided, "at": line.changed_at})
    for refund in dossier.refunds:
        yield Said("after_refund", {"refund": refund})
    for each in dossier.surplus:
        state = each.refund.state if each.refund is not None else "held"
        yield Said("after_surplus", {"amount": each.receipt.amount, "state": state})
    if dossier.statement == "differs" or (dossier.statement == "matched" and wish in ("duplicate", "wrong_amount")):
        yield Said("after_statement", {"matched": dossier.statement == "matched"})


# --- what follows ----------------------------------------------------------------------------------------------------


def _unpaid(dossier: Dossier, wish: str, dispute: str, says: tuple[Said, ...], now: datetime) -> Story:
    order, charge = dossier.order, dossier.live
    unclear = charge is not None and charge.state == "unknown"
    if unclear and charge is not None and now - charge.created_at > _UNPAID_LATE:
        return Story(says, ticket=dispute)
    offers = [Option(f"drop:{order.id}", "cancel_order")] if order.state == "created" else []
    offers.append(file_option(wish, "D11" if wish in ("refund", "refund_state") else dispute, order.id))
    return Story(says, tuple(offers))


def _not_credited(
    dossier: Dossier, dispute: str, says: tuple[Said, ...], offers: tuple[Option, ...], now: datetime
) -> Story:
    order = dossier.order
    if offers:
        return Story(says, (*offers, file_option("not_credited", dispute, order.id)))
    open_lines = [line for line in order.lines if dossier.refund_of(line) is None]
    slow = [line for line in open_lines if line.state in ON_THE_WAY]
    if slow:
        late = order.paid_at is not None and now - order.paid_at > _LATE
        # Whatever the customer calls it: the biller has not heard of the payment, or does not say so.
        kind = "D31" if dispute == "D11" else dispute
        return Story(says, ticket=kind) if late else Story(says, (file_option("not_credited", kind, order.id, "wait"),))
    if any(line.state in ("refused", "reversal_refused") and line.id not in dossier.decided for line in open_lines):
        return Story(says, ticket=dispute)
    if all(line.state == "settled" for line in open_lines) and open_lines:
        return Story(says, (file_option("not_credited", dispute, order.id, "still_missing"),))
    return Story(says)


def _duplicate(dossier: Dossier, dispute: str, says: tuple[Said, ...], offers: tuple[Option, ...]) -> Story:
    order = dossier.order
    if dossier.surplus:
        return Story(says, (*offers, file_option("duplicate", dispute, order.id)) if offers else ())
    if dossier.twins:
        both = sorted((order, *dossier.twins), key=lambda each: each.paid_at or each.created_at)
        shown = (*says, Said("after_twins", {"orders": both}))
        back = any(dossier.refund_of(line) for line in order.lines)
        if offers:
            return Story(shown, (*offers, file_option("duplicate", dispute, order.id)))
        return Story(shown) if back else Story(shown, ticket=dispute)
    return Story((*says, Said("after_single", {})), (file_option("duplicate", dispute, order.id),))


def _refund(dossier: Dossier, says: tuple[Said, ...], offers: tuple[Option, ...]) -> Story:
    order = dossier.order
    if offers:
        return Story(says, (*offers, file_option("refund", "D00", order.id)))
    if dossier.surplus or order.refunded >= order.amount:
        return Story(says)
    reasons = (
        Option(f"about:wrong_account:D21:{order.id}", "why_account"),
        Option(f"about:duplicate:D22:{order.id}", "why_twice"),
        Option(f"about:wrong_amount:D23:{order.id}", "why_amount"),
        Option(f"about:not_credited:D11:{order.id}", "why_missing"),
        file_option("refund", "D00", order.id, "why_other"),
    )
    return Story((*says, Said("after_why", {})), reasons)


def _refund_state(dossier: Dossier, says: tuple[Said, ...], offers: tuple[Option, ...]) -> Story:
    order = dossier.order
    if dossier.refunds or dossier.surplus:
        stuck = any(refund.state in ("failed", "abnormal") for refund in dossier.refunds)
        return Story(says, (*offers, file_option("refund", "D00", order.id)) if offers or stuck else ())
    return Story((*says, Said("after_no_refund", {})), (Option(f"about:refund:D00:{order.id}", "ask_refund"),))


def _mistaken(dossier: Dossier, wish: str, dispute: str, says: tuple[Said, ...], offers: tuple[Option, ...]) -> Story:
    """Wrong account, wrong amount: where nothing was booked the money comes back, else the biller decides."""
    order = dossier.order
    if offers:
        return Story(says, (*offers, file_option(wish, dispute, order.id)))
    if all(dossier.refund_of(line) is not None for line in order.lines):
        return Story(says)
    if wish == "wrong_account":
        says = (*says, Said("after_wrong_account", {"final": order.scene in _NOT_REVERSIBLE}))
    return Story(says, ticket=dispute)


def _give_back(dossier: Dossier, limit: int) -> Iterator[Option]:
    order = dossier.order
    for line in returnable(dossier, limit):
        yield Option(f"giveback:line:{line.id}:{order.id}", "give_back", line.amount)
    for each in returnable_surplus(dossier, limit):
        yield Option(f"giveback:surplus:{each.receipt.id}:{order.id}", "give_back_surplus", each.receipt.amount)


def matter_facts(dossier: Dossier, meant_account: str) -> dict[str, object]:
    """Return what the desk needs to know, masked: to what was paid, and to what should have been."""
    order = dossier.order
    return {
        "orders": [_brief(each) for each in (order, *dossier.twins)],
        "lines": [
            {"paid_to": line.account_mask, "state": line.state, "ref": line.biller_ref or "", "amount": line.amount}
            for line in order.lines
        ],
        "refunds": [{"state": refund.state, "amount": refund.amount} for refund in dossier.refunds],
        "surplus": [_in_suspense(dossier.surplus)] if dossier.surplus else [],
        "statement": dossier.statement,
        **({"should_be": mask_account(meant_account)} if meant_account else {}),
    }


def _brief(order: Order) -> dict[str, object]:
    return {"id": order.id, "title": order.title, "amount": order.amount, "state": order.state}


def _in_suspense(surplus: Iterable[Surplus]) -> dict[str, object]:
    return {each.receipt.id: each.receipt.state for each in surplus}
