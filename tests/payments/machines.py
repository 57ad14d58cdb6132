"""What is asked of every table of states: exactly the designed transitions, and the states that the schema knows."""

import itertools
from collections.abc import Mapping, Sequence

import pytest

from bot.payments.states import Machine
from bot.storage.tables import METADATA

Design = Mapping[str, set[tuple[str, str]]]


def pairs_of(machines: Sequence[Machine]) -> list[tuple[Machine, str, str]]:
    """Return every machine with every pair of its states, a state with itself too."""
    return [(machine, *pair) for machine in machines for pair in itertools.product(sorted(machine.states), repeat=2)]


def judge_transition(design: Design, machine: Machine, source: str, target: str) -> None:
    """Hold one pair of states against the design, a table of its own in each test."""
    allowed = (source, target) in design[machine.table]

    assert machine.allows(source, target) is allowed
    if allowed:
        assert f"SET state = '{target}'" in machine.move(source, to=target).sql
    else:
        with pytest.raises(ValueError, match="no transition"):
            machine.move(source, to=target)


def judge_schema(machine: Machine) -> None:
    """Hold a machine's states against the check of its table."""
    checks = [str(rule.sqltext) for rule in METADATA.tables[machine.table].constraints if hasattr(rule, "sqltext")]
    known = next(text for text in checks if text.startswith("state IN"))

    assert {word.strip("' ") for word in known[len("state IN (") : -1].split(",")} == machine.states
