"""Stops calling a receiver that keeps failing, and lets no receiver take all of our hands."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from bot.kernel.clock import Clock
from bot.kernel.errors import Busy


class BreakerOpen(Busy):
    """The receiver failed too often a moment ago; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How much trouble a receiver may make. ``rest`` is in seconds, ``in_flight`` counts requests at one time."""

    failures: int = 5
    rest: float = 30.0
    in_flight: int = 64


class Gate:
    """The breaker and the places of one receiver."""

    def __init__(self, dest: str, clock: Clock, patience: Patience) -> None:
        self._dest = dest
        self._clock = clock
        self._patience = patience
        self._failures = 0
        self._rests_until: float | None = None
        self._probing = False
        self.places = asyncio.Semaphore(patience.in_flight)
        self.users = 0

    def admit(self) -> bool:
        """Let a request through; True says that it is the one probe after a rest. Raises BreakerOpen."""
        if self._rests_until is None:
            return False
        left = self._rests_until - self._clock.monotonic()
        if left > 0 or self._probing:
            raise BreakerOpen("breaker_open", dest=self._dest, seconds=max(1, round(left)))
        self._probing = True
        return True

    def succeeded(self) -> None:
        """The receiver answered: all is forgiven."""
        self._failures = 0
        self._rests_until = None

    def failed(self, *, probe: bool) -> None:
        """Count a failure; the probe's opens the breaker again at once."""
        self._failures += 1
        if probe or self._failures >= self._patience.failures:
            self._rests_until = self._clock.monotonic() + self._patience.rest

    def left(self, *, probe: bool) -> None:
        """The request is over, whatever became of it."""
        if probe:
            self._probing = False

    @property
    def is_open(self) -> bool:
        return self._rests_until is not None


class Gates:
    """One gate per receiver, the least recently used forgotten above a bound."""

    def __init__(self, clock: Clock, patience: Patience, bound: int = 1024) -> None:
        self._clock = clock
        self._patience = patience
        self._bound = bound
        self._gates: OrderedDict[str, Gate] = OrderedDict()

    def of(self, dest: str) -> Gate:
        gate = self._gates.get(dest)
        if gate is None:
            gate = self._gates[dest] = Gate(dest, self._clock, self._patience)
            self._forget()
        self._gates.move_to_end(dest)
        return gate

    def __len__(self) -> int:
        return len(self._gates)

    def _forget(self) -> None:
        """Drop idle gates, oldest first; one in use or open is kept even above the bound."""
        surplus = len(self._gates) - self._bound
        if surplus <= 0:
            return
        idle = [dest for dest, gate in self._gates.items() if gate.users == 0 and not gate.is_open]
        # The newest is the one that was just made for a caller who is about to use it.
        for dest in idle[:-1][:surplus]:
            del self._gates[dest]
