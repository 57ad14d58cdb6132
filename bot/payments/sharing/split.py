"""The arithmetic of shares in whole fen: pure functions, from which the merchant's rest follows exactly."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bot.payments.reconciliation.days import FeeTerms

BASE: Final = 10_000
# Every gateway takes more; a rule with more is a mistake.
TERMS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Term:
    """What one receiver gets: ``ratio`` in basis points, or ``fixed`` fen a payment."""

    receiver: str
    ratio: int | None = None
    fixed: int | None = None

    def of(self, amount: int) -> int:
        """Return what is wanted of an amount in fen; a ratio rounds half up (payments.md, trap 20)."""
        if self.fixed is not None:
            return self.fixed
        return (amount * (self.ratio or 0) + BASE // 2) // BASE


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a rule; at most ``cap`` basis points of a payment go to others."""

    id: str
    cap: int
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Base:
    """What of a payment one rule is about, in fen."""

    rule: Rule
    amount: int


@dataclass(frozen=True, slots=True)
class Planned:
    """What one receiver gets by one rule, in fen."""

    receiver: str
    rule_id: str
    amount: int


def split(rule: Rule, amount: int, room: int) -> list[Planned]:
    """Return the parts of ``amount`` fen by a rule, in the rule's order, at most ``room`` fen in all.

    Each receiver gets what it wants or what is left of the limit, whichever is less; so rounding, and fixed amounts
    of a small payment, can never take more than the cap, and it is the last who get less. The cap itself is rounded
    down. Nobody is given nothing.
    """
    left = max(0, min(amount * rule.cap // BASE, room))
    parts = []
    for term in rule.terms:
        given = min(term.of(amount), left)
        if given > 0:
            parts.append(Planned(term.receiver, rule.id, given))
            left -= given
    return parts


def parts_of(bases: Iterable[Base], whole: int, fees: FeeTerms) -> list[Planned]:
    """Return the parts of a payment of which ``whole`` fen are left, never more than that less the gateway's fee.

    A receiver whom two rules name gets one part, under the rule with the larger cap.
    """
    room = whole - fees.of_payment(whole)
    found: dict[str, Planned] = {}
    for base in sorted(bases, key=lambda base: -base.rule.cap):
        for part in split(base.rule, base.amount, room):
            room -= part.amount
            known = found.get(part.receiver, replace(part, amount=0))
            found[part.receiver] = replace(known, amount=known.amount + part.amount)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class LineLeft:
    """A line of an order as sharing sees it; a line that ``counts`` not has its amount left to the merchant."""

    id: str
    amount: int
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Gone:
    """What refunds took, or are taking: lines of their own, all the others, or parts that are no line, in fen."""

    lines: frozenset[str] = field(default_factory=frozenset)
    all_others: bool = False
    parts: int = 0


def left_of(lines: Sequence[LineLeft], gone: Gone) -> dict[str, int]:
    """Return what is left of each line; a part that is no line is taken off the lines in their order."""
    left = {}
    part = gone.parts
    for line in lines:
        amount = 0 if gone.all_others or line.id in gone.lines else line.amount
        taken = min(part, amount)
        part -= taken
        left[line.id] = amount - taken
    return left


def bases_of(lines: Sequence[LineLeft], left: Mapping[str, int], rules: Mapping[str, Rule]) -> list[Base]:
    """Return what each rule is about; ``rules`` are by line, and a line without one is shared with nobody."""
    sums: dict[str, int] = {}
    known: dict[str, Rule] = {}
    for line in lines:
        rule = rules.get(line.id)
        if rule is not None and line.counts:
            known[rule.id] = rule
            sums[rule.id] = sums.get(rule.id, 0) + left[line.id]
    return [Base(known[rule_id], amount) for rule_id, amount in sums.items()]
