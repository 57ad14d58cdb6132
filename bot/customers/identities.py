"""Recognises a customer by the name that a channel or wallet gives, and links names that share a unionid."""

from dataclasses import dataclass, field
from typing import Final

from bot.kernel.clock import Clock, to_micros
from bot.kernel.ids import new_id
from bot.storage.errors import Duplicate
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault

SUBJECT: Final = "identities.subject"
UNION: Final = "identities.unionid"

_FIND: Final = """
SELECT i.customer_id, i.unionid_hash, c.script, c.large FROM identities i JOIN customers c ON c.id = i.customer_id
WHERE i.channel = $1 AND i.account = $2 AND i.subject_hash = $3
"""
_BY_UNION: Final = "SELECT id, script, large FROM customers WHERE unionid_hash = $1"
_ADD_CUSTOMER: Final = """
INSERT INTO customers (id, script, created_at, unionid_hash) VALUES ($1, $2, $3, $4)
ON CONFLICT (unionid_hash) DO NOTHING
"""
_DROP_CUSTOMER: Final = "DELETE FROM customers WHERE id = $1"
_ADD_IDENTITY: Final = """
INSERT INTO identities
  (id, customer_id, channel, account, subject_hash, subject_sealed, unionid_hash, seen_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
ON CONFLICT (channel, account, subject_hash) DO NOTHING
"""
_LEARN_UNION: Final = (
    "UPDATE identities SET unionid_hash = $4 WHERE channel = $1 AND account = $2 AND subject_hash = $3"
)
# The first customer of a unionid keeps it; a second one is not merged into it, see ``recognise``.
_CLAIM_UNION: Final = """
UPDATE customers SET unionid_hash = $2
WHERE id = $1 AND unionid_hash IS NULL AND NOT EXISTS (SELECT 1 FROM customers o WHERE o.unionid_hash = $2)
"""
_REACHABLE: Final = """
UPDATE identities SET reachable = $4, seen_at = $5 WHERE channel = $1 AND account = $2 AND subject_hash = $3
"""
_SCRIPT: Final = "UPDATE customers SET script = $2 WHERE id = $1 AND script <> $2"
_LARGE: Final = "UPDATE customers SET large = $2 WHERE id = $1 AND large <> $2"
_ADDRESS: Final = """
SELECT i.channel, i.account, i.subject_sealed, c.script FROM identities i JOIN customers c ON c.id = i.customer_id
WHERE i.customer_id = $1 AND i.channel = $2 AND i.account = $3 AND i.reachable = 1
ORDER BY i.seen_at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    script: str
    large: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """Where a customer can be written to."""

    channel: str
    account: str
    subject: str = field(repr=False)
    script: str


@dataclass(frozen=True, slots=True)
class _Name:
    """A name as it is stored: to be found, not to be read."""

    channel: str
    account: str
    subject_hash: str
    subject: str = field(repr=False)
    union_hash: str | None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.channel, self.account, self.subject_hash


class Identities:
    """The book of names. Openids are found by a blind index and kept encrypted."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def recognise(
        self, channel: str, account: str, subject: str, *, script: str = "zh_hans", unionid: str | None = None
    ) -> Customer:
        """Return the customer of this name; a new name becomes a new customer unless its unionid is known.

        Only a unionid links names (DESIGN §2): a phone number or a shared order never does. A name that has a customer
        keeps it, even when its unionid turns out to be another's: orders and receipts hang on the customer, and
        joining two of them is a decision that a message must not take.
        """
        name = _Name(
            channel,
            account,
            self._vault.blind(subject, SUBJECT),
            subject,
            self._vault.blind(unionid, UNION) if unionid else None,
        )
        row = await self._database.row(_FIND, *name.key)
        if row is not None and name.union_hash in (None, row["unionid_hash"]):
            return Customer(row["customer_id"], row["script"], row["large"] == 1)
        try:
            return await self._database.effect(lambda tx: self._settle(tx, name, script))
        except Duplicate:
            # Two customers claimed one unionid in the same moment; the second try sees who was faster.
            return await self._database.effect(lambda tx: self._settle(tx, name, script))

    async def _settle(self, tx: Tx, name: _Name, script: str) -> Customer:
        known = await tx.row(_FIND, *name.key)
        if known is None:
            added = await self._add(tx, name, script)
            if added is not None:
                return added
            # Two first messages at once: the unique key decided which identity stands.
            known = await tx.row(_FIND, *name.key)
            assert known is not None, "whoever was faster has committed"
        if name.union_hash is not None and known["unionid_hash"] != name.union_hash:
            await tx.execute(_LEARN_UNION, *name.key, name.union_hash)
            await tx.execute(_CLAIM_UNION, known["customer_id"], name.union_hash)
        return Customer(known["customer_id"], known["script"], known["large"] == 1)

    async def _add(self, tx: Tx, name: _Name, script: str) -> Customer | None:
        """Give a name to the customer of its unionid or to a new one; None, and nothing left behind, if it has one."""
        now = self._clock.now()
        customer = Customer(new_id("cus", now), script)
        fresh = await tx.execute(_ADD_CUSTOMER, customer.id, script, to_micros(now), name.union_hash)
        if not fresh:
            linked = await tx.row(_BY_UNION, name.union_hash)
            assert linked is not None, "the conflict was with this row"
            customer = Customer(linked["id"], linked["script"], linked["large"] == 1)
        sealed = self._vault.seal(name.subject, SUBJECT)
        values = (new_id("idn", now), customer.id, *name.key, sealed, name.union_hash, to_micros(now))
        if await tx.execute(_ADD_IDENTITY, *values):
            return customer
        if fresh:
            await tx.execute(_DROP_CUSTOMER, customer.id)
        return None

    async def set_reachable(self, channel: str, account: str, subject: str, reachable: bool) -> None:
        """Remember that a customer follows or has left; who left is written to no more."""
        hashed = self._vault.blind(subject, SUBJECT)
        now = to_micros(self._clock.now())
        await self._database.effect(lambda tx: tx.execute(_REACHABLE, channel, account, hashed, int(reachable), now))

    async def set_script(self, customer_id: str, script: str) -> None:
        """Remember in which script a customer writes, for messages that answer nothing."""
        await self._database.effect(lambda tx: tx.execute(_SCRIPT, customer_id, script))

    async def set_large(self, customer_id: str, large: bool) -> None:
        """Remember whether a customer wants large type and few words."""
        await self._database.effect(lambda tx: tx.execute(_LARGE, customer_id, int(large)))

    async def address(self, customer_id: str, channel: str, account: str) -> Address | None:
        """Return where a customer reads messages of one account; None when unreachable there."""
        row = await self._database.row(_ADDRESS, customer_id, channel, account)
        if row is None:
            return None
        subject = self._vault.open(row["subject_sealed"], SUBJECT)
        return Address(row["channel"], row["account"], subject, row["script"])
