"""A world whose merchant shares with two receivers, and short ways through the life of a share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.kernel.masking import Secret
from bot.ledger import invariants as ledger
from bot.ledger.invariants import Finding
from bot.payments.facts import Way
from bot.payments.faculties import Receiver
from bot.payments.policy import Policy
from bot.payments.reconciliation.days import FeeTerms
from bot.payments.sharing import invariants, rows, rules
from bot.payments.sharing.rows import Share
from bot.payments.sharing.rules import NewRule
from bot.payments.sharing.split import Term
from bot.payments.values import Order
from tests.payments.sharing.scripted_sharing import ScriptedSharing
from tests.payments.world import World, build

OWNERS, AGENT = "1900000111", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
RECEIVERS = {
    "owners": Receiver("merchant", OWNERS, relation="PARTNER"),
    "agent": Receiver("person", AGENT, "wxapp", Secret("李四"), "STAFF"),
}
TERMS = (Term("owners", ratio=1_000), Term("agent", fixed=50))
FEES = {("scripted", "main"): FeeTerms(6_000)}
SHARING = "sharing:scripted:main"
KINDS = ("fulfil", "undo", "refund_submit", "refund_surplus", "share", "share_return")


@dataclass(slots=True)
class ShareWorld:
    """A world and the faculty of its gateway."""

    world: World
    faculty: ScriptedSharing

    async def rule(
        self,
        *terms: Term,
        cap: int = 3_000,
        item: str = "",
        receivers: Mapping[str, Receiver] = RECEIVERS,
    ) -> str:
        """A rule that two people have put in force."""
        named = {term.receiver: receivers[term.receiver] for term in terms}
        new = NewRule("mer", cap, terms, named, item)
        now = self.world.clock.now()

        async def put(tx: Any) -> str:
            rule_id = await rules.propose_in(tx, self.world.vault, new, actor="ann", cap_max=10_000, now=now)
            await rules.adopt_in(tx, rule_id, actor="bob", now=now)
            return rule_id

        return await self.world.database.effect(put)

    async def share_of(self, order: Order) -> Share:
        [charge] = [each for each in await self.world.charges(order) if each.state == "paid"]
        found = await rows.of_charge(self.world.database, charge.id)
        assert found is not None
        return found

    async def shared(self, *lines: Any) -> tuple[Order, Share]:
        """An order that is settled and whose parts have been given."""
        order = await self.world.settled(*lines)
        share = await self.share_of(order)
        await self.world.payments.shares.submit(share.id)
        return order, await self.share_of(order)

    async def parts(self, share: Share) -> dict[str, tuple[int, str]]:
        return {part.receiver: (part.amount, part.state) for part in await rows.parts(self.world.database, share.id)}

    async def back(self, share: Share) -> list[tuple[int, str]]:
        return [(entry.amount, entry.state) for entry in await rows.returns(self.world.database, share.id)]

    async def work_off(self, *kinds: str, rounds: int = 20) -> None:
        """Do the outbox's jobs, those of sharing too, until all that is left waits."""
        waiting: set[str] = set()
        for _ in range(rounds):
            # Ids of one microsecond sort by chance, so returns are done in the order of their parts.
            ready = await self.world.rows(
                "SELECT j.* FROM outbox j LEFT JOIN share_returns t ON t.id = j.key "
                "LEFT JOIN share_parts p ON p.id = t.part_id WHERE j.state = 'ready' "
                "ORDER BY j.due_at, COALESCE(p.position, 0), j.id"
            )
            ready = [row for row in ready if row["kind"] in (kinds or KINDS)]
            done = [row["id"] for row in ready if await self._deliver(row)]
            for job_id in done:
                await self.world.execute("UPDATE outbox SET state = 'done', done_at = 0 WHERE id = $1", job_id)
            left = {row["id"] for row in ready} - set(done)
            if not done and left == waiting:
                return
            waiting = left

    async def _deliver(self, row: Any) -> bool:
        match row["kind"]:
            case "share":
                return type(await self.world.payments.shares.submit(row["key"])).__name__ == "Over"
            case "share_return":
                await self.world.payments.returns.carry(row["key"])
                return True
            case _:
                return await self.world._deliver(row)

    async def sweep(self) -> None:
        await self.world.sweep()
        payments = self.world.payments
        for share_id in await payments.sharing_sweep.due_shares(50):
            await payments.shares.ask(share_id)
        for return_id in await payments.sharing_sweep.due_returns(50):
            await payments.returns.carry(return_id)

    async def cases(self) -> list[str]:
        """The kinds of cases that payments made; a rule's own was decided when it was put in force."""
        return [kind for kind in await self.world.cases() if kind != "share_rule"]

    async def audit(self) -> list[Finding]:
        now = self.world.clock.now()
        return [
            *await self.world.audit(),
            *await ledger.inspect(self.world.database, now, invariants.CHECKS),
        ]


def equip(world: World, policy: Policy | None = None, fees: Any = FEES) -> ShareWorld:
    """Give a world's gateway the faculty of sharing."""
    gateway = world.gateway
    faculty = ScriptedSharing(gateway)
    gateway.can = gateway.can | {Way.SHARE}
    gateway.sharing = faculty
    built = build(world.database, world.clock, policy, gateway=gateway, biller=world.biller, fees=fees)
    return ShareWorld(built, faculty)
