"""The question after an account's hosted bills, for one asker and for many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.storage.port import Question, Reader, Row
from bot.storage.sharing import by_place

# Bills shown of one account, the oldest first; whoever owes more pays these before the rest appears.
SHOWN_MAX: Final = 200

# The proof is part of the question, so that an unknown account and somebody else's cost and answer the same.
_BILLS: Final = """
SELECT id, bill_no, holder_mask, period, title, amount, paid, due_on, detail, state, held_by
FROM bills WHERE item_id = $1 AND account_hash = $2 AND ($3 = '' OR holder_hash = $3)
ORDER BY CASE WHEN state IN ('open', 'held', 'partly_paid', 'reopened') THEN 0 ELSE 1 END, period,
  COALESCE(due_on, ''), bill_no
LIMIT $4
"""
_BILLS_OF_MANY: Final = """
SELECT asked.place, b.id, b.bill_no, b.holder_mask, b.period, b.title, b.amount, b.paid, b.due_on, b.detail, b.state,
  b.held_by
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS asked(item, account, holder, place)
CROSS JOIN LATERAL (
  SELECT *, ROW_NUMBER() OVER (
    ORDER BY CASE WHEN state IN ('open', 'held', 'partly_paid', 'reopened') THEN 0 ELSE 1 END, period,
      COALESCE(due_on, ''), bill_no) AS turn
  FROM bills WHERE item_id = asked.item AND account_hash = asked.account
    AND (asked.holder = '' OR holder_hash = asked.holder)
  ORDER BY turn LIMIT $4) AS b
ORDER BY asked.place, b.turn
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """An account of an item, and the proof where the item wants one; both blinded."""

    item_id: str
    account: str
    holder: str = ""


async def _one(reader: Reader, asked: Asked) -> Sequence[Row]:
    return await reader.rows(_BILLS, asked.item_id, asked.account, asked.holder, SHOWN_MAX)


async def _many(reader: Reader, asked: Sequence[Asked]) -> Sequence[Sequence[Row]]:
    rows = await reader.rows(
        _BILLS_OF_MANY,
        [each.item_id for each in asked],
        [each.account for each in asked],
        [each.holder for each in asked],
        SHOWN_MAX,
    )
    return by_place(rows, len(asked))


BILLS_OF: Final[Question[Asked, Sequence[Row]]] = Question("bills.of_account", _one, _many)
