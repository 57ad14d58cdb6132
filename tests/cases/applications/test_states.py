"""The two tables of an application, written out pair by pair, and nothing moves outside them."""

import ast
from pathlib import Path

import pytest

from bot.cases.applications import rows, states
from bot.cases.applications.states import CORPORATE, PERSONAL
from bot.payments.states import Machine
from tests.payments.machines import judge_schema, judge_transition, pairs_of

_SHARED = {
    ("draft", "submitted"),
    ("draft", "withdrawn"),
    ("submitted", "checking"),
    ("submitted", "needs_documents"),
    ("submitted", "rejected"),
    ("submitted", "withdrawn"),
    ("checking", "needs_documents"),
    ("checking", "rejected"),
    ("checking", "withdrawn"),
    ("needs_documents", "submitted"),
    ("needs_documents", "rejected"),
    ("needs_documents", "withdrawn"),
    ("approved", "done"),
    ("approved", "rejected"),
}
DESIGN = {
    "corporate": _SHARED
    | {
        ("submitted", "first_approval"),
        ("checking", "first_approval"),
        ("first_approval", "approved"),
        ("first_approval", "checking"),
    },
    "personal": _SHARED | {("submitted", "approved"), ("checking", "approved")},
}
PAIRS = [("corporate", *pair) for pair in pairs_of([CORPORATE])] + [("personal", *p) for p in pairs_of([PERSONAL])]


@pytest.mark.parametrize(("design", "machine", "source", "target"), PAIRS, ids=lambda value: getattr(value, "x", value))
def test_exactly_the_designed_transitions_exist(design: str, machine: Machine, source: str, target: str) -> None:
    judge_transition({machine.table: DESIGN[design]}, machine, source, target)


def test_the_schema_knows_the_same_states() -> None:
    judge_schema(CORPORATE)
    assert CORPORATE.states - PERSONAL.states == {"first_approval"}


def test_every_transition_of_a_company_has_its_move() -> None:
    """What the tables allow can also be done: no state that nobody can reach."""
    moves = rows.moves(corporate=True)
    reached = {(source, move.target) for move in moves.values() for source in move.sources}

    assert reached == DESIGN["corporate"]


def test_no_statement_sets_a_state_besides_the_moves() -> None:
    folder = Path(states.__file__).parent
    offenders = [
        f"{path.name}:{node.lineno}"
        for path in sorted([*folder.glob("*.py"), *(folder.parent / "trade").glob("*.py")])
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "SET state =" in node.value
    ]

    assert offenders == []
