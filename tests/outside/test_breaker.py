"""The breaker opens after five failures, rests, lets one probe through, and believes what the probe found."""

from datetime import UTC, datetime

import pytest

from bot.kernel.clock import ManualClock
from bot.outside.breaker import BreakerOpen, Gate, Gates, Patience


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def gate(clock: ManualClock) -> Gate:
    return Gate("biller", clock, Patience())


def fail(gate: Gate, times: int = 1) -> None:
    for _ in range(times):
        gate.failed(probe=gate.admit())


def test_four_failures_and_a_success_are_forgiven(gate: Gate) -> None:
    fail(gate, 4)
    gate.admit()
    gate.succeeded()
    fail(gate, 4)

    assert not gate.is_open
    gate.admit()


def test_the_fifth_failure_in_a_row_opens_it(gate: Gate) -> None:
    fail(gate, 5)

    with pytest.raises(BreakerOpen) as refused:
        gate.admit()
    assert refused.value.facts == {"dest": "biller", "seconds": 30}
    assert refused.value.retryable


def test_after_its_rest_one_probe_goes(gate: Gate, clock: ManualClock) -> None:
    fail(gate, 5)
    clock.advance(29.9)
    with pytest.raises(BreakerOpen):
        gate.admit()
    clock.advance(0.1)

    assert gate.admit() is True
    with pytest.raises(BreakerOpen):
        gate.admit()


def test_a_probe_that_fails_opens_it_again_at_once(gate: Gate, clock: ManualClock) -> None:
    fail(gate, 5)
    clock.advance(30)
    gate.admit()
    gate.failed(probe=True)
    gate.left(probe=True)

    with pytest.raises(BreakerOpen):
        gate.admit()
    clock.advance(30)
    assert gate.admit() is True


def test_a_probe_that_succeeds_closes_it(gate: Gate, clock: ManualClock) -> None:
    fail(gate, 5)
    clock.advance(30)
    gate.admit()
    gate.succeeded()
    gate.left(probe=True)

    assert [gate.admit() for _ in range(3)] == [False] * 3


def test_a_probe_that_was_cancelled_leaves_the_way_free(gate: Gate, clock: ManualClock) -> None:
    fail(gate, 5)
    clock.advance(30)
    gate.admit()
    gate.left(probe=True)

    assert gate.admit() is True


def test_gates_are_kept_apart_and_their_number_is_bounded(clock: ManualClock) -> None:
    gates = Gates(clock, Patience(failures=1), bound=10)
    fail(gates.of("broken"))
    gates.of("busy").users = 1
    for number in range(100):
        gates.of(f"host {number}").admit()

    assert len(gates) <= 10
    assert gates.of("busy").users == 1
    with pytest.raises(BreakerOpen):
        gates.of("broken").admit()
    gates.of("host 99").admit()
