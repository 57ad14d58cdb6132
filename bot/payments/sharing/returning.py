"""Takes shares back before the payment they came from is refunded, and asks until each return is certain."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.jobs.outbox import enqueue
from bot.kernel.clock import Clock, to_micros
from bot.kernel.errors import Conflict, Misconfigured, NotFound
from bot.kernel.ids import new_id, new_out_number
from bot.payments import locks, refund_rows, work
from bot.payments.facts import Declined, Missing, Unknown
from bot.payments.faculties import NewShareReturn, PartState, ShareReturnFact, Sharing
from bot.payments.policy import REFUND_PAUSES, pause
from bot.payments.registry import Gateways
from bot.payments.sharing import rows, rules
from bot.payments.sharing.rows import Back, Part, Share, Standing
from bot.payments.sharing.split import Planned, bases_of, left_of, parts_of
from bot.payments.sharing.states import COMING, UNSETTLED
from bot.payments.values import Refund
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault

_INSERT: Final = """
INSERT INTO share_returns (id, share_id, part_id, refund_id, out_return_no, amount, state, trace_id, created_at,
  changed_at)
VALUES ($1, $2, $3, $4, $5, $6, 'planned', $7, $8, $8)
"""
# The merchant bears what a receiver keeps, so it stands like something that came back.
_BACK: Final = ("planned", "sent", "unknown", "failed", "succeeded", "waived")


async def before_refund(tx: Tx, refund: Refund, now: datetime) -> str:
    """Start to take back what a refund leaves no money for; say why it has to wait, empty when it can go out.

    The caller holds the order's lock.
    """
    share = await _share_of(tx, refund)
    if share is None or share.state == "planned":
        # What is planned is fixed later, of what refunds have left by then.
        return ""
    if share.state in UNSETTLED:
        return "share_under_way"
    await take_back_due(tx, share, refund.id, now)
    states = {entry.state for entry in await rows.returns(tx, share.id)}
    if states & set(COMING):
        return "shares_first"
    return "share_kept" if "failed" in states else ""


async def after_console(tx: Tx, refund: Refund, now: datetime) -> None:
    """Take back what belongs to a refund that a merchant made in its console, where the money went first."""
    share = await _share_of(tx, refund)
    if share is not None and share.state not in ("planned", *UNSETTLED):
        await take_back_due(tx, share, refund.id, now)


async def _share_of(tx: Tx, refund: Refund) -> Share | None:
    if refund.charge_id is None or refund.suspense_id is not None:
        return None
    return await rows.of_charge(tx, refund.charge_id)


async def take_back_due(tx: Tx, share: Share, refund_id: str | None, now: datetime) -> None:
    """Plan the returns of what receivers have above their part of what refunds leave of the payment; idempotent."""
    given = [part for part in await rows.parts(tx, share.id) if part.state == "succeeded"]
    if not given:
        return
    wanted = await entitled(tx, share)
    standing = await rows.returns(tx, share.id)
    jobs = []
    for part in given:
        returned = sum(entry.amount for entry in standing if entry.part_id == part.id and entry.state in _BACK)
        over = part.amount - returned - wanted.get(part.receiver, 0)
        if over > 0:
            entry = await _insert(tx, share, part, over, refund_id, now)
            jobs.append(work.share_return(entry.id, share.gateway, share.account, share.trace_id))
    await enqueue(tx, jobs, now)


async def entitled(tx: Tx, share: Share) -> dict[str, int]:
    """Return what each receiver may have of what refunds leave of the payment."""
    found = await planned(tx, share, await rows.standing(tx, share.order_id))
    return {part.receiver: part.amount for part in found}


async def planned(tx: Tx, share: Share, standing: Standing) -> list[Planned]:
    """Return the parts of what is left of a payment, by the versions of the rules that were kept with it."""
    known = await rules.by_ids(tx, share.rules.values())
    left = left_of(standing.lines, standing.gone)
    by_line = {line_id: known[rule_id] for line_id, rule_id in share.rules.items()}
    whole = max(0, share.paid - standing.going)
    return parts_of(bases_of(standing.lines, left, by_line), whole, share.fees)


async def _insert(tx: Tx, share: Share, part: Part, amount: int, refund_id: str | None, now: datetime) -> Back:
    entry = Back(
        id=new_id("srt", now),
        share_id=share.id,
        part_id=part.id,
        refund_id=refund_id,
        out_return_no=new_out_number("B", now),
        amount=amount,
        state="planned",
        queries=0,
        trace_id=share.trace_id,
    )
    values = (entry.id, share.id, part.id, refund_id, entry.out_return_no, amount, entry.trace_id, to_micros(now))
    await tx.execute(_INSERT, *values)
    return entry


async def again_in(tx: Tx, return_id: str, now: datetime) -> None:
    """Make another attempt at a return that was refused, with a number of its own. Raises Conflict, NotFound."""
    share, part, failed = await _failed(tx, return_id)
    await rows.BACK_REPLACED(tx, return_id, to_micros(now))
    entry = await _insert(tx, share, part, failed.amount, failed.refund_id, now)
    await enqueue(tx, [work.share_return(entry.id, share.gateway, share.account, share.trace_id)], now)


async def waive_in(tx: Tx, return_id: str, now: datetime) -> None:
    """Let the receiver keep it and the refund go out all the same: the merchant bears it. Raises Conflict, NotFound."""
    share, _, _ = await _failed(tx, return_id)
    await rows.BACK_WAIVED(tx, return_id, to_micros(now))
    await wake_refunds(tx, share.order_id, return_id, now)


async def _failed(tx: Tx, return_id: str) -> tuple[Share, Part, Back]:
    share, part, entry = await _locked(tx, return_id)
    if entry.state != "failed":
        raise Conflict("share_return_state", "it was decided already", state=entry.state)
    return share, part, entry


async def _locked(tx: Tx, return_id: str) -> tuple[Share, Part, Back]:
    """Return a return with what it belongs to, under the order's lock. Raises NotFound(``share_return_unknown``)."""
    entry = await rows.back(tx, return_id)
    share = await rows.share(tx, entry.share_id) if entry is not None else None
    if entry is None or share is None:
        raise NotFound("share_return_unknown")
    await locks.order(tx, share.order_id)
    part = next(part for part in await rows.parts(tx, share.id) if part.id == entry.part_id)
    return share, part, await rows.back(tx, return_id) or entry


async def wake_refunds(tx: Tx, order_id: str, because: str, now: datetime) -> None:
    """Let refunds that waited for shares go on at once."""
    waiting = [refund for refund in await refund_rows.undecided(tx, order_id) if refund.state == "approved"]
    jobs = [
        work.refund_submit(refund.id, refund.gateway, refund.gateway_account, refund.trace_id, because=because)
        for refund in waiting
    ]
    await enqueue(tx, jobs, now)


class Returns:
    """Carries returns to their end; safe to repeat at any point, since the number and the inputs never change."""

    def __init__(self, database: Database, clock: Clock, vault: Vault, gateways: Gateways) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault
        self._gateways = gateways

    async def carry(self, return_id: str) -> str:
        """Send a planned return, or ask about one that is under way; return its state. Raises NotFound."""
        now = self._clock.now()
        share, part, entry = await self._database.effect(lambda tx: self._begin(tx, return_id, now))
        if entry.state not in COMING:
            return entry.state
        asked = await self._asked(share, part, entry)
        sharing = faculty(self._gateways, share)
        if entry.state == "planned":
            return await self._record(entry.id, await sharing.take_back(asked))
        answer = await sharing.take_back_query(asked)
        if isinstance(answer, Missing):
            # Our intent is committed and the gateway has not heard of it: the identical call, with the same number.
            return await self._record(entry.id, await sharing.take_back(asked))
        return await self._record(entry.id, answer)

    async def _begin(self, tx: Tx, return_id: str, now: datetime) -> tuple[Share, Part, Back]:
        """Commit that the receiver is about to be asked; the state told is the one from before."""
        share, part, entry = await _locked(tx, return_id)
        again = to_micros(now + timedelta(seconds=REFUND_PAUSES[0]))
        if entry.state == "planned" and not await rows.BACK_SENT(tx, return_id, to_micros(now), again):
            entry = replace(entry, state="sent")
        return share, part, entry

    async def _asked(self, share: Share, part: Part, entry: Back) -> NewShareReturn:
        receivers = await rules.parties(self._database, self._vault, part.rule_id)
        return NewShareReturn(
            out_return_no=entry.out_return_no,
            out_order_no=share.out_order_no,
            out_trade_no=share.out_trade_no,
            account=share.account,
            receiver=receivers[part.receiver],
            amount=entry.amount,
            description="退款",
        )

    async def _record(self, return_id: str, answer: ShareReturnFact | Declined | Unknown) -> str:
        now = self._clock.now()

        async def record(tx: Tx) -> str:
            share, part, entry = await _locked(tx, return_id)
            await self._apply(tx, share, part, entry, answer, now)
            after = await rows.back(tx, return_id)
            return after.state if after is not None else entry.state

        return await self._database.effect(record)

    async def _apply(
        self, tx: Tx, share: Share, part: Part, entry: Back, answer: ShareReturnFact | Declined | Unknown, now: datetime
    ) -> None:
        again = now + timedelta(seconds=pause(REFUND_PAUSES, entry.queries))
        match answer:
            case Unknown():
                await rows.BACK_UNKNOWN(tx, entry.id, to_micros(now))
                await rows.ask_back_later(tx, entry.id, again)
            case Declined():
                await self._refused(tx, share, part, entry, answer.code, now)
            case ShareReturnFact() if answer.amount != entry.amount:
                facts: dict[str, str | int] = {"told": answer.amount, "amount": entry.amount}
                await _case(tx, "share_mismatch", share, entry, facts, now)
                await rows.ask_back_later(tx, entry.id, again)
            case ShareReturnFact(state=PartState.SUCCEEDED):
                if await rows.BACK_DONE(tx, entry.id, to_micros(now), to_micros(answer.at or now)):
                    await rows.take_back(tx, share, part, entry, now)
                    await self._next(tx, share, entry, now)
            case ShareReturnFact(state=PartState.FAILED):
                await self._refused(tx, share, part, entry, answer.reason or "failed", now)
            case ShareReturnFact():
                await rows.BACK_KNOWN(tx, entry.id, to_micros(now))
                await rows.ask_back_later(tx, entry.id, again)

    async def _refused(self, tx: Tx, share: Share, part: Part, entry: Back, why: str, now: datetime) -> None:
        """The receiver keeps it, or has not got it any more: no refund goes out until two people have decided."""
        if not await rows.BACK_FAILED(tx, entry.id, to_micros(now), why):
            return
        facts: dict[str, str | int] = {
            "why": why,
            "receiver": part.receiver,
            "amount": entry.amount,
            "refund_id": entry.refund_id or "",
        }
        await _case(tx, "share_return_failed", share, entry, facts, now)

    async def _next(self, tx: Tx, share: Share, entry: Back, now: datetime) -> None:
        if not any(other.state in (*COMING, "failed") for other in await rows.returns(tx, share.id)):
            await wake_refunds(tx, share.order_id, entry.id, now)


def faculty(gateways: Gateways, share: Share) -> Sharing:
    """Return what a share's gateway can do; raises Misconfigured where it has lost it."""
    sharing = gateways.get(share.gateway).sharing
    if sharing is None:
        raise Misconfigured("way_unsupported", f"let the gateway {share.gateway} share again")
    return sharing


async def _case(tx: Tx, kind: str, share: Share, entry: Back, facts: Mapping[str, str | int], now: datetime) -> None:
    told = {"share_id": share.id, "out_return_no": entry.out_return_no, "gateway": share.gateway, **facts}
    await enqueue(tx, [work.case(kind, entry.id, share.order_id, told, share.trace_id)], now)
