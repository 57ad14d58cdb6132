"""The tables of notes, receivables and financings, written out pair by pair."""

import pytest

from bot.cases.trade.states import MACHINES
from bot.payments.states import Machine
from tests.payments.machines import judge_schema, judge_transition, pairs_of

DESIGN = {
    "notes": {
        ("registered", "pre_custody"),
        ("pre_custody", "custody"),
        ("pre_custody", "returned"),
        ("custody", "discounted"),
        ("custody", "pledged"),
        ("custody", "endorsed"),
        ("custody", "due"),
        ("custody", "returned"),
        ("pledged", "custody"),
        ("pledged", "due"),
        ("due", "presented"),
        ("presented", "settled"),
        ("presented", "refused"),
        ("refused", "recourse"),
        ("recourse", "settled"),
    },
    "receivables": {
        ("registered", "confirmed"),
        ("registered", "disputed"),
        ("registered", "withdrawn"),
        ("disputed", "confirmed"),
        ("disputed", "withdrawn"),
        ("confirmed", "collected"),
    },
    "financings": {("reserved", "drawn"), ("reserved", "released"), ("drawn", "repaid")},
}
PAIRS = pairs_of(MACHINES)


@pytest.mark.parametrize(("machine", "source", "target"), PAIRS, ids=lambda value: getattr(value, "table", value))
def test_exactly_the_designed_transitions_exist(machine: Machine, source: str, target: str) -> None:
    judge_transition(DESIGN, machine, source, target)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.table)
def test_the_schema_knows_the_same_states(machine: Machine) -> None:
    judge_schema(machine)
