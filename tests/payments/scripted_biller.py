"""A biller that books lines in memory and answers as a test tells it; also the directory that leads to it."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bot.billers.port import (
    BillQuery,
    Found,
    Later,
    Line,
    NotFound,
    PaidLine,
    Pending,
    Quote,
    Refusal,
    Refused,
    Reversed,
    SceneBiller,
    Settled,
    Silent,
)

Call = Literal["settle", "settle_status", "undo", "undo_status"]
LOST_AFTER = "lost_after"


@dataclass(slots=True)
class ScriptedBiller:
    """Implements ``SceneBiller`` and ``Directory``; without a script every line is booked and every undo granted.

    Lines of hosted bills are passed on to the operator's own biller, for it moves the same rows as the payments.
    """

    hosted: SceneBiller
    scripts: dict[str, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    calls: list[tuple[str, str]] = field(default_factory=list)
    told: list[PaidLine] = field(default_factory=list)
    booked: set[str] = field(default_factory=set)
    undone: set[str] = field(default_factory=set)

    def script(self, call: Call, *answers: Any) -> None:
        self.scripts[call].extend(answers)

    def count(self, call: Call) -> int:
        return sum(1 for made, _ in self.calls if made == call)

    async def biller(self, item_id: str) -> SceneBiller:
        return self

    async def find(self, query: BillQuery) -> Found | NotFound | Later:
        return NotFound()

    async def quote(self, lines: Sequence[Line], at: datetime, store_id: str | None = None) -> Quote | Refusal | Later:
        return Refusal("scripted")

    async def settle(self, line: PaidLine) -> Settled | Pending | Refused | Silent:
        told = self._told("settle", line)
        if told is not None and told != LOST_AFTER:
            return told  # type: ignore[no-any-return]
        self.booked.add(line.id)
        booked = await self.hosted.settle(line) if self._is_hosted(line) else Settled(f"ref-{line.id}")
        return Silent("timeout") if told == LOST_AFTER else booked

    async def settle_status(self, line: PaidLine) -> Settled | Pending | Refused | Silent | None:
        told = self._told("settle_status", line)
        if told is not None:
            return told  # type: ignore[no-any-return]
        if self._is_hosted(line):
            return await self.hosted.settle_status(line)
        return Settled(f"ref-{line.id}") if line.id in self.booked else None

    async def undo(self, line: PaidLine, reason: str) -> Reversed | Pending | Refused | Silent:
        told = self._told("undo", line)
        if told is not None and told != LOST_AFTER:
            return told  # type: ignore[no-any-return]
        self.booked.discard(line.id)
        self.undone.add(line.id)
        undone = await self.hosted.undo(line, reason) if self._is_hosted(line) else Reversed(f"undo-{line.id}")
        return Silent("timeout") if told == LOST_AFTER else undone

    async def undo_status(self, line: PaidLine) -> Reversed | Pending | Refused | Silent | None:
        told = self._told("undo_status", line)
        if told is not None:
            return told  # type: ignore[no-any-return]
        if self._is_hosted(line):
            return await self.hosted.undo_status(line)
        return Reversed(f"undo-{line.id}") if line.id in self.undone else None

    def _is_hosted(self, line: PaidLine) -> bool:
        return line.bill_id is not None

    def _told(self, call: Call, line: PaidLine) -> Any:
        self.calls.append((call, line.id))
        self.told.append(line)
        return self.scripts[call].popleft() if self.scripts[call] else None
