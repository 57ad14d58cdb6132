"""Recognises a customer by the name that a channel or wallet gives, and links names that share a unionid."""

from dataclasses import dataclass

from bot.kernel.clock import Clock, to_micros
from bot.kernel.ids import new_id
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault

SUBJECT = "identities.subject"
UNION = "identities.unionid"

_FIND = """
SELECT i.customer_id, i.unionid_hash, c.script FROM identities i JOIN customers c ON c.id = i.customer_id
WHERE i.channel = $1 AND i.account = $2 AND i.subject_hash = $3
"""
_BY_UNION = "SELECT customer_id FROM identities WHERE unionid_hash = $1 ORDER BY created_at LIMIT 1"
_ADD_CUSTOMER = "INSERT INTO customers (id, script, created_at) VALUES ($1, $2, $3)"
_DROP_CUSTOMER = "DELETE FROM customers WHERE id = $1"
_ADD_IDENTITY = """
INSERT INTO identities
  (id, customer_id, channel, account, subject_hash, subject_sealed, unionid_hash, seen_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
ON CONFLICT (channel, account, subject_hash) DO NOTHING
"""
_LEARN_UNION = "UPDATE identities SET unionid_hash = $4 WHERE channel = $1 AND account = $2 AND subject_hash = $3"
_REACHABLE = (
    "UPDATE identities SET reachable = $4, seen_at = $5 WHERE channel = $1 AND account = $2 AND subject_hash = $3"
)
_SCRIPT = "UPDATE customers SET script = $2 WHERE id = $1 AND script <> $2"
_ADDRESS = """
SELECT i.channel, i.account, i.subject_sealed, c.script FROM identities i JOIN customers c ON c.id = i.customer_id
WHERE i.customer_id = $1 AND i.channel = $2 AND i.account = $3 AND i.reachable = 1
ORDER BY i.seen_at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    script: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where a customer can be written to."""

    channel: str
    account: str
    subject: str
    script: str


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

        Only a unionid links names (DESIGN §2): a phone number or a shared order never does.
        """
        hashed = self._vault.blind(subject, SUBJECT)
        union = self._vault.blind(unionid, UNION) if unionid else None
        row = await self._database.row(_FIND, channel, account, hashed)
        if row is not None and (union is None or row["unionid_hash"] == union):
            return Customer(row["customer_id"], row["script"])

        async def work(tx: Tx) -> Customer:
            known = await tx.row(_FIND, channel, account, hashed)
            if known is not None:
                if union is not None:
                    await tx.execute(_LEARN_UNION, channel, account, hashed, union)
                return Customer(known["customer_id"], known["script"])
            now = self._clock.now()
            customer_id = await self._customer(tx, union, script)
            sealed = self._vault.seal(subject, SUBJECT)
            await tx.execute(
                _ADD_IDENTITY,
                new_id("idn", now),
                customer_id,
                channel,
                account,
                hashed,
                sealed,
                union,
                to_micros(now),
            )
            # Two first messages at once: the unique key decided which identity stands, so ask once more.
            stands = await tx.row(_FIND, channel, account, hashed)
            if stands is not None and stands["customer_id"] != customer_id and union is None:
                await tx.execute(_DROP_CUSTOMER, customer_id)
            return Customer(stands["customer_id"] if stands else customer_id, script)

        return await self._database.effect(work)

    async def _customer(self, tx: Tx, union: str | None, script: str) -> str:
        if union is not None:
            linked = await tx.row(_BY_UNION, union)
            if linked is not None:
                return str(linked["customer_id"])
        now = self._clock.now()
        customer_id = new_id("cus", now)
        await tx.execute(_ADD_CUSTOMER, customer_id, script, to_micros(now))
        return customer_id

    async def set_reachable(self, channel: str, account: str, subject: str, reachable: bool) -> None:
        """Remember that a customer follows or has left; who left is written to no more."""
        hashed = self._vault.blind(subject, SUBJECT)
        now = to_micros(self._clock.now())
        await self._database.effect(lambda tx: tx.execute(_REACHABLE, channel, account, hashed, int(reachable), now))

    async def set_script(self, customer_id: str, script: str) -> None:
        """Remember in which script a customer writes, for messages that answer nothing."""
        await self._database.effect(lambda tx: tx.execute(_SCRIPT, customer_id, script))

    async def address(self, customer_id: str, channel: str, account: str) -> Address | None:
        """Return where a customer reads messages of one account; None when unreachable there."""
        row = await self._database.row(_ADDRESS, customer_id, channel, account)
        if row is None:
            return None
        subject = self._vault.open(row["subject_sealed"], SUBJECT)
        return Address(row["channel"], row["account"], subject, row["script"])
