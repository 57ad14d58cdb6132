"""Bills that may be paid in equal parts, one after another; what is not paid yet stays open."""

from typing import Annotated

from pydantic import Field

from bot.billers.rule import Rule


def equal_parts(whole: int, number: int) -> tuple[int, ...]:
    """Return ``number`` parts of ``whole`` fen that add up to it; the last carries what does not divide."""
    each = whole // number
    return (*[each] * (number - 1), whole - each * (number - 1))


class Instalments(Rule):
    """A bill is paid whole, or in ``parts`` equal parts of which the next one is due now.

    Terms are the seller's, without interest and without any credit of ours: the seller keeps the claim.
    """

    parts: Annotated[int, Field(ge=2, le=60)]

    def left(self, whole: int, paid: int) -> tuple[int, ...]:
        """Return the parts of a bill of ``whole`` fen that remain when ``paid`` are paid; empty when all is.

        A bill too small for its parts is paid whole. A part that was begun is paid to its end first.
        """
        if whole < self.parts or paid >= whole:
            return (whole - paid,) if paid < whole else ()
        rest, parts = paid, list(equal_parts(whole, self.parts))
        while parts and rest >= parts[0]:
            rest -= parts.pop(0)
        return (parts[0] - rest, *parts[1:])
