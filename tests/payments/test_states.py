"""The tables of transitions are those of the design, and nothing can move outside them: exhaustively."""

import ast
from pathlib import Path

import pytest

from bot.kernel.clock import to_micros
from bot.payments import states
from bot.payments.states import BILL, CHARGE, LINE, MACHINES, ORDER, REFUND, SUSPENSE, Machine
from bot.storage.port import Database, Tx
from bot.storage.tables import METADATA
from tests.payments.machines import judge_schema, judge_transition, pairs_of
from tests.payments.world import START

# The design's own words (DESIGN §4), written out pair by pair and independently of the tables under test.
DESIGN: dict[str, set[tuple[str, str]]] = {
    "orders": {
        ("created", "closing"),
        ("closing", "closed"),
        ("created", "paid"),
        ("closing", "paid"),
        ("closed", "paid_late"),
        ("paid_late", "paid"),
    },
    "order_lines": {
        ("none", "sent"),
        ("sent", "settled"),
        ("sent", "refused"),
        ("sent", "unknown"),
        ("unknown", "settled"),
        ("unknown", "refused"),
        ("settled", "reversing"),
        ("reversing", "reversed"),
        ("reversing", "reversal_refused"),
    },
    "charges": {
        ("created", "pending"),
        ("created", "paid"),
        ("created", "failed"),
        ("created", "unknown"),
        ("pending", "paid"),
        ("pending", "failed"),
        ("pending", "unknown"),
        ("unknown", "pending"),
        ("unknown", "paid"),
        ("unknown", "failed"),
        ("created", "closing"),
        ("pending", "closing"),
        ("unknown", "closing"),
        ("closing", "closed"),
        ("closing", "paid"),
        ("created", "reversing"),
        ("pending", "reversing"),
        ("unknown", "reversing"),
        ("reversing", "reversed"),
        ("reversing", "paid"),
        ("failed", "paid"),
        ("closed", "paid"),
        ("reversed", "paid"),
    },
    "refunds": {
        ("requested", "rejected"),
        ("requested", "approved"),
        ("approved", "rejected"),
        ("approved", "pending"),
        ("pending", "succeeded"),
        ("pending", "failed"),
        ("pending", "abnormal"),
        ("pending", "unknown"),
        ("unknown", "pending"),
        ("unknown", "succeeded"),
        ("unknown", "failed"),
        ("unknown", "abnormal"),
        ("abnormal", "succeeded"),
        ("abnormal", "failed"),
    },
    "bills": {
        ("open", "held"),
        ("reopened", "held"),
        ("partly_paid", "held"),
        ("held", "open"),
        ("held", "partly_paid"),
        ("held", "paid"),
        ("paid", "reopened"),
        ("partly_paid", "reopened"),
    },
    "suspense": {("held", "refunding"), ("held", "applied"), ("refunding", "refunded"), ("refunding", "held")},
}

PAIRS = pairs_of(MACHINES)


@pytest.mark.parametrize(("machine", "source", "target"), PAIRS, ids=lambda value: getattr(value, "table", value))
def test_exactly_the_designed_transitions_exist(machine: Machine, source: str, target: str) -> None:
    judge_transition(DESIGN, machine, source, target)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.table)
def test_the_schema_knows_the_same_states(machine: Machine) -> None:
    judge_schema(machine)


def test_a_move_from_several_states_needs_every_one_of_them() -> None:
    with pytest.raises(ValueError, match="paid"):
        ORDER.move("created", "paid", to="closing")
    with pytest.raises(ValueError, match="nothing"):
        ORDER.move(to="closing")


def test_the_live_charges_of_the_schema_are_those_of_the_code() -> None:
    """The unique index that allows one live charge an order speaks of the same states as ``LIVE``."""
    index = next(index for index in METADATA.tables["charges"].indexes if index.name == "uq_charges_live")

    assert str(index.dialect_options["sqlite"]["where"]) == f"state IN ({states.quoted(states.LIVE)})"
    assert str(index.dialect_options["postgresql"]["where"]) == f"state IN ({states.quoted(states.LIVE)})"


def test_final_states() -> None:
    assert ORDER.final == {"paid"}
    assert LINE.final == {"refused", "reversed", "reversal_refused"}
    assert CHARGE.final == {"paid"}
    assert REFUND.final == {"succeeded", "failed", "rejected"}
    assert SUSPENSE.final == {"refunded", "applied"}
    assert {"settled", "withdrawn", "superseded", "paid_elsewhere"} == BILL.final


@pytest.mark.parametrize("machine", [SUSPENSE, ORDER], ids=lambda machine: machine.table)
async def test_every_move_is_a_compare_and_set(machine: Machine, database: Database) -> None:
    """From every state, every move changes a row that is in one of its sources and no other."""
    at = to_micros(START)
    inserts = {
        "suspense": "INSERT INTO suspense (id, gateway, gateway_account, out_trade_no, transaction_id, amount, reason, "
        "state, trace_id, at, changed_at) VALUES ($1, 'g', 'a', 'o', $1, 1, 'closed', $2, 't', $3, $3)",
        "orders": "INSERT INTO orders (id, quote_id, token, merchant_id, scene, origin, title, amount, state, "
        "trace_id, created_at, expires_at) VALUES ($1, $1, $1, 'mer', 's', 'chat', 't', 1, $2, 't', $3, $3)",
    }
    selects = {
        "suspense": "SELECT state FROM suspense WHERE id = $1",
        "orders": "SELECT state FROM orders WHERE id = $1",
    }
    insert = inserts[machine.table]

    async def tried(source: str, target: str, standing: str) -> tuple[bool, str]:
        key = f"{source}-{target}-{standing}"
        move = machine.move(source, to=target)

        async def work(tx: Tx) -> tuple[bool, str]:
            await tx.execute(insert, key, standing, at)
            moved = await move(tx, key, at) if machine.dated else await move(tx, key)
            row = await tx.row(selects[machine.table], key)
            assert row is not None
            return moved, row["state"]

        return await database.effect(work)

    for source, target in DESIGN[machine.table]:
        for standing in sorted(machine.states):
            expected = (True, target) if standing == source else (False, standing)
            assert await tried(source, target, standing) == expected


def test_no_statement_of_the_rooms_sets_a_state_besides_the_moves() -> None:
    """Only the tables, and the two set-based statements that are built from them, may write a ``state`` column."""
    room = Path(states.__file__).parent
    offenders: list[str] = []
    for path in sorted(room.glob("*.py")):
        if path.name in ("states.py", "credit_many.py", "orders_many.py"):
            continue
        offenders += [
            f"{path.name}:{node.lineno}"
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "SET state =" in node.value
        ]

    assert offenders == []
