"""What a gateway's folder of tests offers so that the contract tests can drive it: its platform, played in-process."""

import importlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from bot.kernel.clock import ManualClock
from bot.outside.http import Answer
from bot.payments.facts import ChargeRef, NewCharge, NewRefund, RawNotice, RefundRef, RefundState, Way
from bot.payments.ports import Gateway


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it left the gateway."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    within: float
    limit: int
    dest: str

    @property
    def target(self) -> str:
        """Path and query."""
        return "/" + self.url.split("//", 1)[1].partition("/")[2]


Step = Answer | Exception | Callable[[Sent], Answer]


@dataclass
class ScriptedHttp:
    """Stands for HttpClient: answers from a script and fails the test at a request that nobody expected."""

    script: deque[Step] = field(default_factory=deque)
    sent: list[Sent] = field(default_factory=list)

    def then(self, *steps: Step) -> None:
        self.script.extend(steps)

    async def request(
        self,
        method: str,
        url: str,
        *,
        dest: str,
        within: float,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int = 1 << 20,
        public_only: bool = False,
    ) -> Answer:
        request = Sent(method, url, dict(headers or {}), body, within, limit, dest)
        self.sent.append(request)
        assert self.script, f"an unexpected request: {method} {request.target}"
        step = self.script.popleft()
        if isinstance(step, Exception):
            raise step
        return step(request) if callable(step) else step


class Rig(Protocol):
    """One gateway with its platform. Each ``will_…`` scripts the answer to one request, in order.

    ``wrong`` answers are those that nobody may believe: unsigned, signed by a stranger, stale. What the gateway asks
    besides (a query after a refusal) takes the next scripted answer.
    """

    gateway: Gateway
    account: str
    clock: ManualClock
    http: ScriptedHttp
    # Fields of a request that differ in each sending by nature (time, nonce, signature) are left out here.
    same: Callable[[Sent], Any]

    def charge(self, way: Way, number: str = "T20261124000000000000000001") -> NewCharge: ...
    def ref(self, charge: NewCharge) -> ChargeRef: ...
    def new_refund(self) -> NewRefund: ...
    def refund_ref(self) -> RefundRef: ...

    def will_create(self, way: Way) -> None: ...
    def will_say_paid(self, charge: NewCharge, paid_at: datetime) -> None: ...
    def will_say_waiting(self, charge: NewCharge) -> None: ...
    def will_say_closed(self, charge: NewCharge) -> None: ...
    def will_say_went_back(self, charge: NewCharge) -> None: ...
    def will_say_nobody_knows_what(self, charge: NewCharge) -> None: ...
    def will_say_missing(self) -> None: ...
    def will_close(self) -> None: ...
    def will_refuse_close_as_paid(self) -> None: ...
    def will_refund(self, state: RefundState) -> None: ...
    def will_say_refund_missing(self) -> None: ...
    def will_be_silent(self, times: int = 1) -> None: ...
    def will_fail(self, times: int = 1) -> None: ...
    def wrong(self) -> Iterator[tuple[str, Callable[[], None]]]: ...
    def will_give_statement(self, day: date) -> int:
        """Script the bill of a day and return how many lines it has."""
        ...

    def paid_notice(self, charge: NewCharge, paid_at: datetime) -> RawNotice: ...
    def refund_notice(self, state: RefundState) -> RawNotice: ...
    def spoiled(self, notice: RawNotice) -> Iterator[tuple[str, RawNotice]]:
        """Yield forgeries of a genuine notice, each with its name."""
        ...


def rig_of(gateway: str) -> Rig:
    """Make the rig of a registered gateway: ``tests/gateways/<name>/rig.py`` with a function ``make()``."""
    try:
        module = importlib.import_module(f"tests.gateways.{gateway}.rig")
    except ModuleNotFoundError as missing:
        raise AssertionError(f"a registered gateway needs tests/gateways/{gateway}/rig.py") from missing
    rig: Rig = module.make()
    return rig
