"""Gives receivers their parts of paid charges and the merchant the rest, asking until each part is certain.

One number and identical inputs, however often: the parts are fixed and committed before the first call, and a call
without an answer is asked about before it is made again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bot.jobs.outbox import enqueue
from bot.kernel.clock import Clock, from_micros, to_micros
from bot.kernel.errors import Conflict, NotFound
from bot.kernel.ids import new_id
from bot.payments import locks, work
from bot.payments.facts import Created, Declined, Missing, Unknown
from bot.payments.faculties import NewShare, PartState, Receiver, ShareFact, SharePart, ShareRef, Sharing
from bot.payments.policy import REFUND_PAUSES, pause
from bot.payments.reconciliation.days import FeeTerms
from bot.payments.refunds import Over, Waiting
from bot.payments.registry import Gateways
from bot.payments.sharing import returning, rows, rules
from bot.payments.sharing.plan import LOOK_SECONDS
from bot.payments.sharing.rows import Part, Share
from bot.payments.sharing.split import Planned
from bot.payments.sharing.states import UNSETTLED
from bot.payments.states import LIVE, quoted
from bot.storage.port import Database, Reader, Tx
from bot.storage.vault import Vault

DESCRIPTION: Final = "分账"
# An explicit no is often of the moment (frequency, money not there yet): the identical call again, so many times.
REFUSALS_MAX: Final = 5
_REFUSAL_PAUSES: Final = (60.0, 300.0, 1_800.0, 3_600.0)
# A refused line keeps its order's money unshared for so long; then the others are shared without it.
_PATIENCE: Final = timedelta(days=7)
_FORGOTTEN: Final = timedelta(days=2)
_RECEIVER: Final = "share_receivers.receiver_hash"

_PAID_BY: Final = "SELECT * FROM charges WHERE id = $1"
_PART: Final = """
INSERT INTO share_parts (id, share_id, position, receiver, rule_id, amount, state, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7)
"""
_KNOWN: Final = "SELECT 1 AS known FROM share_receivers WHERE gateway = $1 AND account = $2 AND receiver_hash = $3"
_NOW_KNOWN: Final = """
INSERT INTO share_receivers (gateway, account, receiver_hash, at) VALUES ($1, $2, $3, $4)
ON CONFLICT (gateway, account, receiver_hash) DO NOTHING
"""
_LOOK: Final = "UPDATE shares SET next_query_at = $2 WHERE id = $1 AND state = 'planned'"
_CHARGE_LIVE: Final = f"""
SELECT 1 AS live FROM charges WHERE id = $1 AND state IN ({quoted(LIVE)})
"""  # noqa: S608 - The names of our own states.


class Shares:
    """Carries shares to their end."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        vault: Vault,
        gateways: Gateways,
        fees: Mapping[tuple[str, str], FeeTerms],
    ) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._gateways = gateways
        self._fees = fees

    async def get(self, share_id: str) -> Share:
        """Return a share as it stands; raises NotFound(``share_unknown``)."""
        found = await rows.share(self._database, share_id)
        if found is None:
            raise NotFound("share_unknown")
        return found

    async def submit(self, share_id: str) -> Waiting | Over:
        """Fix the parts of a paid charge and send them, when nothing at the billers stands against it any more.

        Raises NotFound(``share_unknown``).
        """
        now = self._clock.now()
        ready = await self._database.effect(lambda tx: self._ready(tx, share_id, now))
        if not isinstance(ready, Share):
            return ready
        if ready.state == "sent":
            return Over(await self._send(ready))
        return Over(await self._unfreeze(ready))

    async def ask(self, share_id: str) -> str:
        """Ask how a share stands, or take the step that is due; return its state. Raises NotFound."""
        share = await self.get(share_id)
        if share.state == "planned":
            return await self._look(share)
        if share.state == "unfreezing":
            return await self._unfreeze(share)
        if share.state not in UNSETTLED:
            return share.state
        answer = await self._faculty(share).share_query(_ref(share, share.out_order_no))
        if isinstance(answer, Missing):
            # Our intent is committed and the gateway has not heard of it: the identical call, with the same number.
            return await self._send(share)
        return await self._record(share, answer)

    # --- planning ----------------------------------------------------------------------------------------------------

    async def _ready(self, tx: Tx, share_id: str, now: datetime) -> Share | Waiting | Over:
        """Commit the parts, and so the intent to send them, or tell why it is not time."""
        share = await _locked(tx, share_id)
        if share.state != "planned":
            return Over(share.state)
        charge = await tx.row(_PAID_BY, share.charge_id)
        order = await locks.order(tx, share.order_id)
        if charge is None or order is None or order["paid_charge_id"] != share.charge_id:
            return Waiting("unpaid", LOOK_SECONDS)
        standing = await rows.standing(tx, share.order_id)
        if standing.open:
            return Waiting("biller_first", 60.0)
        if standing.refused and now - from_micros(charge["paid_at"]) < _PATIENCE:
            return Waiting("line_refused", LOOK_SECONDS)
        share = replace(
            share,
            transaction_id=charge["transaction_id"],
            fees=self._fees.get((share.gateway, share.account), FeeTerms()),
        )
        return await self._fixed(tx, share, await returning.planned(tx, share, standing), now)

    async def _fixed(self, tx: Tx, share: Share, planned: Sequence[Planned], now: datetime) -> Share:
        at, soon = to_micros(now), to_micros(now + timedelta(seconds=REFUND_PAUSES[0]))
        rate = share.fees.bound
        if not planned:
            await rows.NOTHING(tx, share.id, at, rate, share.transaction_id, soon)
            return replace(share, state="unfreezing", rest=share.paid)
        rest = share.paid - sum(part.amount for part in planned)
        await rows.SENT(tx, share.id, at, rest, rate, share.transaction_id, soon)
        for position, wanted in enumerate(planned):
            part = Part(new_id("shp", now), wanted.receiver, wanted.rule_id, wanted.amount, "pending")
            await tx.execute(_PART, part.id, share.id, position, part.receiver, part.rule_id, part.amount, at)
            await rows.reserve(tx, share, part, now)
        return replace(share, state="sent", rest=rest)

    async def _look(self, share: Share) -> str:
        """No job has told of this charge's payment: share it now if it was paid, else look again for some days."""
        answer = await self.submit(share.id)
        if isinstance(answer, Over):
            return answer.state
        now = self._clock.now()

        async def later(tx: Tx) -> None:
            live = await tx.row(_CHARGE_LIVE, share.charge_id) is not None
            young = now - from_micros(share.created_at) < _FORGOTTEN
            again = live or young or answer.reason != "unpaid"
            await tx.execute(_LOOK, share.id, to_micros(now + timedelta(seconds=answer.after)) if again else None)

        await self._database.effect(later)
        return share.state

    # --- sending -----------------------------------------------------------------------------------------------------

    async def _send(self, share: Share) -> str:
        """Send the committed parts; the request is the same whenever it is made."""
        sharing = self._faculty(share)
        parts = await rows.parts(self._database, share.id)
        receivers = await self._receivers(self._database, parts)
        unready = await self._introduce(share, sharing, [receivers[part.receiver] for part in parts])
        if unready is not None:
            return await self._record(share, unready)
        answer = await sharing.share(
            NewShare(
                out_order_no=share.out_order_no,
                out_trade_no=share.out_trade_no,
                transaction_id=share.transaction_id or "",
                account=share.account,
                parts=tuple(SharePart(receivers[part.receiver], part.amount, DESCRIPTION) for part in parts),
                finish=True,
                description=DESCRIPTION,
            )
        )
        return await self._record(share, answer)

    async def _receivers(self, reader: Reader, parts: Sequence[Part]) -> dict[str, Receiver]:
        known = {rule: await rules.parties(reader, self._vault, rule) for rule in sorted({p.rule_id for p in parts})}
        return {part.receiver: known[part.rule_id][part.receiver] for part in parts}

    async def _introduce(
        self, share: Share, sharing: Sharing, receivers: Sequence[Receiver]
    ) -> Declined | Unknown | None:
        """Tell a gateway account of receivers that it has not heard of; adding one twice does no harm."""
        for receiver in receivers:
            name = self._vault.blind(f"{receiver.kind}\x1f{receiver.app_id}\x1f{receiver.number}", _RECEIVER)
            place = (share.gateway, share.account, name)
            if await self._database.row(_KNOWN, *place) is not None:
                continue
            answer = await sharing.add_receiver(share.account, receiver)
            if not isinstance(answer, Created):
                return answer
            await self._database.effect(partial(_now_known, values=(*place, to_micros(self._clock.now()))))
        return None

    # --- recording ---------------------------------------------------------------------------------------------------

    async def _record(self, share: Share, answer: ShareFact | Declined | Unknown) -> str:
        now = self._clock.now()

        async def record(tx: Tx) -> str:
            standing = await _locked(tx, share.id)
            if standing.state in UNSETTLED:
                await self._apply(tx, standing, answer, now)
            return (await _locked(tx, share.id)).state

        state = await self._database.effect(record)
        # What is frozen is given free without waiting for the next round.
        return await self._unfreeze(await self.get(share.id)) if state == "unfreezing" else state

    async def _apply(self, tx: Tx, share: Share, answer: ShareFact | Declined | Unknown, now: datetime) -> None:
        again = now + timedelta(seconds=pause(REFUND_PAUSES, share.queries))
        match answer:
            case Unknown():
                await rows.UNKNOWN(tx, share.id, to_micros(now))
                await rows.ask_later(tx, share.id, again)
            case Declined() if share.refusals + 1 < REFUSALS_MAX:
                await rows.count_refusal(tx, share.id)
                later = now + timedelta(seconds=pause(_REFUSAL_PAUSES, share.refusals))
                await rows.ask_later(tx, share.id, later)
            case Declined():
                await self._refused(tx, share, answer.code, now)
            case ShareFact():
                await rows.KNOWN(tx, share.id, to_micros(now), answer.share_id)
                await rows.remember_id(tx, share.id, answer.share_id)
                await self._told(tx, share, answer, now)
                await rows.ask_later(tx, share.id, again)

    async def _refused(self, tx: Tx, share: Share, why: str, now: datetime) -> None:
        """Nobody gets anything: the merchant keeps it all, and a person is told why."""
        for part in await rows.parts(tx, share.id):
            await self._not_given(tx, share, part, why, now)
        await rows.UNFREEZING(tx, share.id, to_micros(now), why)
        await _case(tx, "share_refused", share, {"why": why}, now)

    async def _told(self, tx: Tx, share: Share, fact: ShareFact, now: datetime) -> None:
        """Move the parts as a verified fact says; one that contradicts them changes nothing and becomes a case."""
        parts = await rows.parts(tx, share.id)
        receivers = await self._receivers(tx, parts)
        told = {part.receiver.number: part for part in fact.parts}
        mine = {part.id: told.get(receivers[part.receiver].number) for part in parts}
        wrong = [part for part in parts if (one := mine[part.id]) is not None and one.amount != part.amount]
        if wrong or (fact.done and None in mine.values()):
            await _case(tx, "share_mismatch", share, {"receiver": (wrong or parts)[0].receiver}, now)
            return
        for part in parts:
            one = mine[part.id]
            if one is not None and part.state == "pending":
                await self._one(tx, share, part, one, now)
        await self._ended(tx, share, now)

    async def _one(self, tx: Tx, share: Share, part: Part, told: SharePart, now: datetime) -> None:
        if told.state is PartState.SUCCEEDED:
            if await rows.GIVEN(tx, part.id, to_micros(now), to_micros(told.at or now)):
                await rows.give(tx, share, part, now)
        elif told.state is PartState.FAILED:
            await self._not_given(tx, share, part, told.reason or "failed", now)
            facts: dict[str, str | int] = {"receiver": part.receiver, "amount": part.amount, "why": told.reason}
            await _case(tx, "share_part_failed", share, facts, now)

    async def _not_given(self, tx: Tx, share: Share, part: Part, why: str, now: datetime) -> None:
        if await rows.NOT_GIVEN(tx, part.id, to_micros(now), why):
            await rows.keep(tx, share, part, now)

    async def _ended(self, tx: Tx, share: Share, now: datetime) -> None:
        states = {part.state for part in await rows.parts(tx, share.id)}
        if "pending" in states:
            return
        if "failed" in states:
            await rows.UNFREEZING(tx, share.id, to_micros(now), "part_failed")
        elif await rows.DONE(tx, share.id, to_micros(now)):
            await _at_rest(tx, share, now)

    # --- giving free -------------------------------------------------------------------------------------------------

    async def _unfreeze(self, share: Share) -> str:
        """Give the merchant what is still frozen; its own number, and the same one however often."""
        answer = await self._faculty(share).unfreeze(_ref(share, share.out_finish_no), DESCRIPTION)
        now = self._clock.now()

        async def record(tx: Tx) -> str:
            standing = await _locked(tx, share.id)
            if standing.state == "unfreezing":
                await self._unfrozen(tx, standing, answer, now)
            return (await _locked(tx, share.id)).state

        return await self._database.effect(record)

    async def _unfrozen(self, tx: Tx, share: Share, answer: ShareFact | Declined | Unknown, now: datetime) -> None:
        left = share.paid - (await rows.standing(tx, share.order_id)).going
        free = isinstance(answer, ShareFact) and answer.done
        # Where all of it went back to its payer nothing is frozen, and a gateway may well say no to freeing it.
        if free or (isinstance(answer, Declined) and (left <= 0 or share.known)):
            if await rows.DONE(tx, share.id, to_micros(now)):
                await _at_rest(tx, share, now)
            return
        if isinstance(answer, Declined):
            await rows.count_refusal(tx, share.id)
            if share.refusals + 1 >= REFUSALS_MAX and await rows.STUCK(tx, share.id, to_micros(now), answer.code):
                await _case(tx, "share_stuck", share, {"why": answer.code, "amount": left}, now)
                return
        await rows.ask_later(tx, share.id, now + timedelta(seconds=pause(REFUND_PAUSES, share.queries)))

    def _faculty(self, share: Share) -> Sharing:
        return returning.faculty(self._gateways, share)


async def _now_known(tx: Tx, values: tuple[str | int, ...]) -> None:
    await tx.execute(_NOW_KNOWN, *values)


async def unfreeze_again_in(tx: Tx, share_id: str, now: datetime) -> None:
    """Let a stuck share be given free anew. Raises Conflict(``share_state``), NotFound."""
    share = await _locked(tx, share_id)
    if not await rows.AGAIN(tx, share_id, to_micros(now)):
        raise Conflict("share_state", "it is not stuck any more", state=share.state)


async def freed_in(tx: Tx, share_id: str, now: datetime) -> None:
    """Note that a stuck share was given free in the gateway's console. Raises Conflict(``share_state``), NotFound."""
    share = await _locked(tx, share_id)
    if not await rows.FREED(tx, share_id, to_micros(now)):
        raise Conflict("share_state", "it is not stuck any more", state=share.state)
    await _at_rest(tx, share, now)


async def _locked(tx: Tx, share_id: str) -> Share:
    share = await rows.share(tx, share_id)
    if share is None:
        raise NotFound("share_unknown")
    await locks.order(tx, share.order_id)
    return await rows.share(tx, share_id) or share


def _ref(share: Share, number: str) -> ShareRef:
    return ShareRef(number, share.out_trade_no, share.transaction_id or "", share.account)


async def _case(tx: Tx, kind: str, share: Share, facts: Mapping[str, str | int], now: datetime) -> None:
    told = {"share_id": share.id, "out_order_no": share.out_order_no, "gateway": share.gateway, **facts}
    await enqueue(tx, [work.case(kind, share.id, share.order_id, told, share.trace_id)], now)


async def _at_rest(tx: Tx, share: Share, now: datetime) -> None:
    """Refunds waited for this; what they leave no money for is taken back at once."""
    await returning.take_back_due(tx, share, None, now)
    await returning.wake_refunds(tx, share.order_id, share.id, now)
