"""The tables of transitions of sharing, written out pair by pair, and nothing moves outside them."""

import ast
from pathlib import Path

import pytest

from bot.payments.sharing import states
from bot.payments.sharing.states import MACHINES
from bot.payments.states import Machine
from tests.payments.machines import judge_schema, judge_transition, pairs_of

DESIGN: dict[str, set[tuple[str, str]]] = {
    "share_rules": {("proposed", "active"), ("proposed", "refused"), ("active", "ended")},
    "shares": {
        ("planned", "sent"),
        ("planned", "unfreezing"),
        ("sent", "unknown"),
        ("sent", "done"),
        ("sent", "unfreezing"),
        ("unknown", "sent"),
        ("unknown", "done"),
        ("unknown", "unfreezing"),
        ("unfreezing", "done"),
        ("unfreezing", "stuck"),
        ("stuck", "unfreezing"),
        ("stuck", "done"),
    },
    "share_parts": {("pending", "succeeded"), ("pending", "failed")},
    "share_returns": {
        ("planned", "sent"),
        ("sent", "unknown"),
        ("sent", "succeeded"),
        ("sent", "failed"),
        ("unknown", "sent"),
        ("unknown", "succeeded"),
        ("unknown", "failed"),
        ("failed", "replaced"),
        ("failed", "waived"),
    },
}
PAIRS = pairs_of(MACHINES)


@pytest.mark.parametrize(("machine", "source", "target"), PAIRS, ids=lambda value: getattr(value, "table", value))
def test_exactly_the_designed_transitions_exist(machine: Machine, source: str, target: str) -> None:
    judge_transition(DESIGN, machine, source, target)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.table)
def test_the_schema_knows_the_same_states(machine: Machine) -> None:
    judge_schema(machine)


def test_no_statement_sets_a_state_besides_the_moves() -> None:
    folder = Path(states.__file__).parent
    offenders = [
        f"{path.name}:{node.lineno}"
        for path in sorted(folder.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "SET state =" in node.value
    ]

    assert offenders == []
