"""A merchant's day: what came in, went back, was kept as fees and was shared, proved against the ledger to the fen.

The platform holds no money (domain.md §4, 二清): the statement says what a gateway owes a merchant for a day, not what
we do. A day is one of Shanghai, and a movement belongs to the day on which the books have it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from bot.kernel.errors import NotFound
from bot.ledger import accounts
from bot.payments.reconciliation.days import AccountDay, FeeTerms
from bot.storage.port import Database, Row

# The fee that a gateway's bill tells of a line; bills that were superseded count no more.
_TOLD: Final = """(
  SELECT MAX(l.fee) FROM statement_lines l JOIN statements s ON s.id = l.statement_id
  WHERE l.number = {number} AND l.kind = '{kind}' AND l.outcome = 'done' AND s.kind = 'trade' AND s.state = 'ready'
    AND s.gateway = {table}.gateway AND s.account = {table}.gateway_account)"""
_PAYMENT_FEE: Final = _TOLD.format(number="c.out_trade_no", kind="payment", table="c")
_REFUND_FEE: Final = _TOLD.format(number="r.out_refund_no", kind="refund", table="r")

_MOVEMENTS: Final = f"""
SELECT 'payment' AS kind, c.changed_at AS at, c.gateway, c.gateway_account AS account, o.id AS order_id,
  c.out_trade_no AS number, '' AS receiver, c.amount, COALESCE(c.settlement_amount, c.amount) AS basis,
  {_PAYMENT_FEE} AS told
FROM orders o JOIN charges c ON c.id = o.paid_charge_id
WHERE o.merchant_id = $1 AND c.changed_at >= $2 AND c.changed_at < $3
UNION ALL
SELECT 'refund', r.changed_at, r.gateway, r.gateway_account, o.id, r.out_refund_no, '', r.amount, r.amount,
  {_REFUND_FEE}
FROM orders o JOIN refunds r ON r.order_id = o.id
WHERE o.merchant_id = $1 AND r.suspense_id IS NULL AND r.state = 'succeeded'
  AND r.changed_at >= $2 AND r.changed_at < $3
UNION ALL
SELECT 'share', p.changed_at, s.gateway, s.gateway_account, s.order_id, s.out_order_no, p.receiver, p.amount, 0, 0
FROM shares s JOIN share_parts p ON p.share_id = s.id
WHERE s.merchant_id = $1 AND p.state = 'succeeded' AND p.changed_at >= $2 AND p.changed_at < $3
UNION ALL
SELECT 'return', t.changed_at, s.gateway, s.gateway_account, s.order_id, t.out_return_no, p.receiver, t.amount, 0, 0
FROM shares s JOIN share_returns t ON t.share_id = s.id JOIN share_parts p ON p.id = t.part_id
WHERE s.merchant_id = $1 AND t.state = 'succeeded' AND t.changed_at >= $2 AND t.changed_at < $3
ORDER BY 2, 6, 7
"""  # noqa: S608 - Only statements of our own are put in, when the module is loaded.

# What the merchant's own account saw that day, by the kind of journal.
_ACCOUNT: Final = """
SELECT journal_kind, CAST(SUM(amount) AS BIGINT) AS amount FROM (
  SELECT CASE substr(journal, 1, 7) WHEN 'credit:' THEN 'payment' WHEN 'reserve' THEN 'reserved'
      WHEN 'restore' THEN 'reserved' WHEN 'unshare' THEN 'sharing' WHEN 'returne' THEN 'return'
    ELSE CASE substr(journal, 1, 6) WHEN 'apply:' THEN 'payment' WHEN 'share:' THEN 'sharing'
      ELSE CASE substr(journal, 1, 4) WHEN 'fee:' THEN 'fee' ELSE 'other' END END
    END AS journal_kind, CASE WHEN destination = $1 THEN amount ELSE -amount END AS amount
  FROM postings WHERE (destination = $1 OR source = $1) AND at >= $2 AND at < $3) AS m
GROUP BY journal_kind
"""
_REFUNDED: Final = """
SELECT CAST(COALESCE(SUM(p.amount), 0) AS BIGINT) AS amount
FROM orders o JOIN postings p ON p.order_id = o.id
WHERE o.merchant_id = $1 AND substr(p.journal, 1, 7) = 'refund:' AND p.at >= $2 AND p.at < $3
  AND EXISTS (SELECT 1 FROM refunds r WHERE r.id = p.refund_id AND r.suspense_id IS NULL)
"""
_SHARED: Final = """
SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS amount FROM postings
WHERE substr(destination, 1, length(CAST($1 AS TEXT))) = $1 AND at >= $2 AND at < $3
"""
_KNOWN: Final = "SELECT name FROM merchants WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Movement:
    """One thing that happened to a merchant's money; ``fee`` is what the gateway kept, negative for what came back."""

    kind: str
    at: int
    gateway: str
    account: str
    order_id: str
    number: str
    receiver: str
    amount: int
    fee: int | None
    told: bool


@dataclass(frozen=True, slots=True)
class Sums:
    """A day at one gateway account, in fen. Fees are those that the bill tells, or else those that were agreed."""

    payments: int = 0
    gross: int = 0
    refunds: int = 0
    refunded: int = 0
    fees: int = 0
    shared: int = 0
    returned: int = 0
    # How many fees the bill told, how many are only agreed, and of how many nothing is known.
    fees_told: int = 0
    fees_agreed: int = 0
    fees_unknown: int = 0

    @property
    def net(self) -> int:
        """What the day leaves the merchant; negative where more went back than came in."""
        return self.gross - self.refunded - self.fees - self.shared + self.returned

    def plus(self, one: Movement) -> "Sums":
        """Return the sums with one movement more."""
        match one.kind:
            case "payment":
                after = replace(self, payments=self.payments + 1, gross=self.gross + one.amount)
            case "refund":
                after = replace(self, refunds=self.refunds + 1, refunded=self.refunded + one.amount)
            case "share":
                return replace(self, shared=self.shared + one.amount)
            case _:
                return replace(self, returned=self.returned + one.amount)
        if one.fee is None:
            return replace(after, fees_unknown=self.fees_unknown + 1)
        after = replace(after, fees=self.fees + one.fee)
        if one.told:
            return replace(after, fees_told=self.fees_told + 1)
        return replace(after, fees_agreed=self.fees_agreed + 1)


@dataclass(frozen=True, slots=True)
class Proof:
    """One kind of movement as the rooms have it and as the ledger has it, in fen."""

    kind: str
    rooms: int
    ledger: int

    @property
    def holds(self) -> bool:
        return self.rooms == self.ledger


@dataclass(frozen=True, slots=True)
class Settlement:
    """A merchant's day by gateway account; ``under_way`` is what refunds and shares held back or let go, net."""

    merchant_id: str
    name: str
    day: date
    accounts: Mapping[tuple[str, str], Sums]
    proofs: tuple[Proof, ...]
    under_way: int
    receivers: Mapping[str, int] = field(default_factory=dict)

    @property
    def proved(self) -> bool:
        return all(proof.holds for proof in self.proofs)

    @property
    def total(self) -> Sums:
        """The sums over all gateway accounts."""
        names = ("payments", "gross", "refunds", "refunded", "fees", "shared", "returned")
        counts = ("fees_told", "fees_agreed", "fees_unknown")
        return Sums(**{name: sum(getattr(each, name) for each in self.accounts.values()) for name in (*names, *counts)})


class Settlements:
    """Makes merchants' statements; reads only."""

    def __init__(self, database: Database, fees: Mapping[tuple[str, str], FeeTerms]) -> None:
        self._database = database
        self._fees = fees

    async def movements(self, merchant_id: str, day: date) -> AsyncIterator[Movement]:
        """Yield a day's movements in their order, in constant memory."""
        begin, end = _window(day)
        async for row in self._database.stream(_MOVEMENTS, merchant_id, begin, end):
            yield self._movement(row)

    async def of_day(self, merchant_id: str, day: date) -> Settlement:
        """Return a merchant's statement of a day; raises NotFound(``merchant_unknown``)."""
        known = await self._database.row(_KNOWN, merchant_id)
        if known is None:
            raise NotFound("merchant_unknown")
        sums: dict[tuple[str, str], Sums] = {}
        receivers: dict[str, int] = {}
        async for one in self.movements(merchant_id, day):
            place = (one.gateway, one.account)
            sums[place] = sums.get(place, Sums()).plus(one)
            if one.receiver:
                given = one.amount if one.kind == "share" else -one.amount
                receivers[one.receiver] = receivers.get(one.receiver, 0) + given
        proofs, under_way = await self._proofs(merchant_id, day, list(sums.values()))
        return Settlement(merchant_id, known["name"], day, dict(sorted(sums.items())), proofs, under_way, receivers)

    def _movement(self, row: Row) -> Movement:
        terms = self._fees.get((row["gateway"], row["account"]), FeeTerms())
        agreed = None
        if terms.rate is not None:
            agreed = terms.of_payment(row["basis"]) if row["kind"] == "payment" else terms.of_refund(row["basis"])
        told = row["told"] is not None
        fee = row["told"] if told else agreed
        return Movement(
            kind=row["kind"],
            at=row["at"],
            gateway=row["gateway"],
            account=row["account"],
            order_id=row["order_id"],
            number=row["number"],
            receiver=row["receiver"],
            amount=row["amount"],
            fee=fee if row["kind"] in ("payment", "refund") else None,
            told=told,
        )

    async def _proofs(self, merchant_id: str, day: date, sums: Sequence[Sums]) -> tuple[tuple[Proof, ...], int]:
        begin, end = _window(day)
        rows = await self._database.rows(_ACCOUNT, accounts.merchant_due(merchant_id), begin, end)
        seen = {row["journal_kind"]: int(row["amount"]) for row in rows}
        refunded = await self._database.row(_REFUNDED, merchant_id, begin, end)
        shared = await self._database.row(_SHARED, f"shared:{merchant_id}:", begin, end)
        assert refunded is not None
        assert shared is not None
        proofs = (
            Proof("gross", sum(each.gross for each in sums), seen.get("payment", 0)),
            Proof("refunded", sum(each.refunded for each in sums), int(refunded["amount"])),
            Proof("shared", sum(each.shared for each in sums), int(shared["amount"])),
            Proof("returned", sum(each.returned for each in sums), seen.get("return", 0)),
            # Nothing else may touch a merchant's account, but the differences of fees that two people accepted.
            Proof("other", 0, seen.get("other", 0)),
        )
        held = -seen.get("reserved", 0) - seen.get("sharing", 0)
        return proofs, held - int(refunded["amount"]) - int(shared["amount"])


def _window(day: date) -> tuple[int, int]:
    """Return a day's first moment and the next day's, in microseconds."""
    whole = AccountDay("", "", day)
    return whole.begin, whole.end
