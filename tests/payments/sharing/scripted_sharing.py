"""The faculty of sharing for the scripted gateway: it freezes, shares, takes back and frees, and loses answers."""

from dataclasses import dataclass, field, replace
from typing import Any

from bot.payments.facts import Created, Declined, Missing, Unknown
from bot.payments.faculties import (
    NewShare,
    NewShareReturn,
    PartState,
    Receiver,
    ShareFact,
    SharePart,
    ShareRef,
    ShareReturnFact,
)
from tests.payments.scripted_gateway import ScriptedGateway


@dataclass(slots=True)
class ScriptedSharing:
    """Implements ``Sharing`` over a ``ScriptedGateway``; scripts are keyed by the methods' names.

    ``outcomes`` says how a receiver's part ends, by number; parts of others succeed at once.
    """

    gateway: ScriptedGateway
    outcomes: dict[str, PartState] = field(default_factory=dict)
    receivers: set[str] = field(default_factory=set)
    requests: list[NewShare] = field(default_factory=list)
    shares: dict[str, tuple[NewShare, ShareFact]] = field(default_factory=dict)
    asked_back: list[NewShareReturn] = field(default_factory=list)
    returns: dict[str, tuple[NewShareReturn, ShareReturnFact]] = field(default_factory=dict)
    back_outcome: PartState = PartState.SUCCEEDED
    freed: dict[str, ShareRef] = field(default_factory=dict)

    def frozen(self, out_trade_no: str) -> bool:
        request = self.gateway.charges[out_trade_no].request
        shared = any(share.out_trade_no == out_trade_no for share, _ in self.shares.values())
        return request.share and not shared and not any(r.out_trade_no == out_trade_no for r in self.freed.values())

    def held(self, number: str) -> int:
        """What a receiver has, in fen."""
        given = [part for _, fact in self.shares.values() for part in fact.parts if part.receiver.number == number]
        back = [fact for asked, fact in self.returns.values() if asked.receiver.number == number]
        return sum(part.amount for part in given if part.state is PartState.SUCCEEDED) - sum(
            fact.amount for fact in back if fact.state is PartState.SUCCEEDED
        )

    def settle(self, number: str, state: PartState) -> None:
        """The parts of a receiver that were under way come to an end."""
        for key, (share, fact) in self.shares.items():
            parts = tuple(
                replace(part, state=state, reason="ACCOUNT_ABNORMAL" if state is PartState.FAILED else "")
                if part.receiver.number == number and part.state is PartState.PENDING
                else part
                for part in fact.parts
            )
            done = all(part.state is not PartState.PENDING for part in parts)
            self.shares[key] = (share, replace(fact, parts=parts, done=done))

    async def add_receiver(self, account: str, receiver: Receiver) -> Created | Declined | Unknown:
        answer: Created | Declined | Unknown = await self._call(
            "add_receiver", receiver.number, lambda: self._add(receiver)
        )
        return answer

    def _add(self, receiver: Receiver) -> Created:
        self.receivers.add(receiver.number)
        return Created({"account": receiver.number})

    async def share(self, share: NewShare) -> ShareFact | Declined | Unknown:
        self.requests.append(share)
        answer: ShareFact | Declined | Unknown = await self._call(
            "share", share.out_order_no, lambda: self._share(share)
        )
        return answer

    def _share(self, share: NewShare) -> ShareFact | Declined:
        if share.out_order_no in self.shares:
            known, fact = self.shares[share.out_order_no]
            return fact if _inputs(known) == _inputs(share) else Declined("other_inputs")
        if not self.frozen(share.out_trade_no):
            return Declined("not_frozen")
        if not {part.receiver.number for part in share.parts} <= self.receivers:
            return Declined("receiver_unknown")
        parts = tuple(self._part(part) for part in share.parts)
        done = all(part.state is not PartState.PENDING for part in parts)
        fact = ShareFact(share.out_order_no, f"3008{share.out_order_no}", done, parts)
        self.shares[share.out_order_no] = (share, fact)
        return fact

    def _part(self, part: SharePart) -> SharePart:
        state = self.outcomes.get(part.receiver.number, PartState.SUCCEEDED)
        # A vendor tells neither names nor apps back.
        told = Receiver(part.receiver.kind, part.receiver.number)
        return SharePart(told, part.amount, part.description, state, "ACCOUNT_ABNORMAL" if state == "failed" else "")

    async def share_query(self, share: ShareRef) -> ShareFact | Missing | Unknown:
        known = self.shares.get(share.out_order_no)
        answer: ShareFact | Missing | Unknown = await self._call(
            "share_query", share.out_order_no, lambda: known[1] if known else Missing()
        )
        return answer

    async def take_back(self, back: NewShareReturn) -> ShareReturnFact | Declined | Unknown:
        self.asked_back.append(back)
        answer: ShareReturnFact | Declined | Unknown = await self._call(
            "take_back", back.out_return_no, lambda: self._take_back(back)
        )
        return answer

    def _take_back(self, back: NewShareReturn) -> ShareReturnFact | Declined:
        if back.out_return_no in self.returns:
            return self.returns[back.out_return_no][1]
        if back.amount > self.held(back.receiver.number):
            return Declined("not_enough")
        fact = ShareReturnFact(back.out_return_no, self.back_outcome, back.amount)
        self.returns[back.out_return_no] = (back, fact)
        return fact

    async def take_back_query(self, back: NewShareReturn) -> ShareReturnFact | Missing | Unknown:
        known = self.returns.get(back.out_return_no)
        answer: ShareReturnFact | Missing | Unknown = await self._call(
            "take_back_query", back.out_return_no, lambda: known[1] if known else Missing()
        )
        return answer

    async def unfreeze(self, share: ShareRef, description: str) -> ShareFact | Declined | Unknown:
        answer: ShareFact | Declined | Unknown = await self._call(
            "unfreeze", share.out_order_no, lambda: self._unfreeze(share)
        )
        return answer

    def _unfreeze(self, share: ShareRef) -> ShareFact:
        self.freed[share.out_order_no] = share
        return ShareFact(share.out_order_no, f"3009{share.out_order_no}", True, ())

    async def _call(self, call: Any, number: str, carry_out: Any) -> Any:
        return await self.gateway._call(call, number, carry_out)


def _inputs(share: NewShare) -> tuple[Any, ...]:
    parts = tuple((part.receiver.kind, part.receiver.number, part.amount, part.description) for part in share.parts)
    return share.transaction_id, share.account, share.finish, share.description, parts
