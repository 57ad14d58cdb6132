"""Whatever is applied for on a note in whatever order, every fen of it is in exactly one state, on both engines."""

from dataclasses import dataclass, field
from itertools import count
from typing import cast

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.cases.applications.values import Progress
from bot.cases.trade import notes
from tests.cases.bureau import CREDITOR, Bureau

UNITS = 60
QUICK = settings().max_examples <= 100
RANGES = st.tuples(st.integers(1, UNITS), st.integers(1, UNITS)).map(sorted)
STEPS = st.one_of(
    st.tuples(st.sampled_from(["note_discount", "note_pledge"]), RANGES),
    st.tuples(st.sampled_from(["withdraw", "reject", "done", "papers"]), st.integers(0, 5)),
)
ENDS = {"note_discount": "discounted", "note_pledge": "pledged"}
_numbers = count(1)


@dataclass
class Model:
    """Each unit's state; ``taken`` is which application has it under way. A part is known by where it was cut."""

    state: dict[int, str] = field(default_factory=lambda: dict.fromkeys(range(1, UNITS + 1), "custody"))
    taken: dict[int, str] = field(default_factory=dict)
    cuts: set[int] = field(default_factory=lambda: {1, UNITS + 1})
    open: dict[str, tuple[str, int, int]] = field(default_factory=dict)

    def may_take(self, start: int, end: int) -> bool:
        """Only within one part that was not cut, that lies in custody, and that nobody has under way."""
        free = all(self.state[unit] == "custody" and unit not in self.taken for unit in range(start, end + 1))
        return free and not any(start < cut <= end for cut in self.cuts)


async def play(bureau: Bureau, steps: list[tuple[str, object]]) -> None:
    number = next(_numbers)
    customer, note = f"cus_{number}", f"51025840000182026101{number:010d}"
    whole = {"uscc": CREDITOR, "note": note, "range": f"1-{UNITS}", "amount": str(UNITS), "due_on": "2027-03-15"}
    await bureau.carried_out("note_custody", whole, customer)
    model, handed_in = Model(), {}
    for what, value in steps:
        if what in ENDS:
            start, end = cast("tuple[int, int]", value)
            answer = await bureau.hand_in(what, {"uscc": CREDITOR, "note": note, "range": f"{start}-{end}"}, customer)
            assert isinstance(answer, Progress) is model.may_take(start, end), (what, start, end, answer)
            if isinstance(answer, Progress):
                handed_in[answer.id] = answer
                model.open[answer.id] = (what, start, end)
                model.cuts |= {start, end + 1}
                model.taken |= dict.fromkeys(range(start, end + 1), answer.id)
        elif model.open:
            chosen = sorted(model.open)[int(str(value)) % len(model.open)]
            await _end(bureau, model, handed_in[chosen], what, customer)
    await _judge(bureau, model, customer)


async def _end(bureau: Bureau, model: Model, application: Progress, what: str, customer: str) -> None:
    kind, start, end = model.open[application.id]
    if what == "papers":
        await bureau.decide(application, "documents", note="合同")
        assert await bureau.applications.supplement(application.id, customer, "media", "trc")
        return
    if what == "withdraw":
        assert await bureau.applications.withdraw(application.id, customer)
    elif what == "reject":
        await bureau.decide(application, "reject", note="不符")
    else:
        await bureau.decide(application, "approve")
        await bureau.decide(application, "done", note="BANK-1")
        model.state |= dict.fromkeys(range(start, end + 1), ENDS[kind])
    for unit in range(start, end + 1):
        model.taken.pop(unit)
    del model.open[application.id]


async def _judge(bureau: Bureau, model: Model, customer: str) -> None:
    shown: dict[int, str] = {}
    for part in await notes.held(bureau.database, customer, 100):
        start, _, end = part.range.partition("-")
        units = range(int(start), int(end) + 1)
        assert part.face == len(units)
        assert not shown.keys() & set(units)
        shown |= dict.fromkeys(units, part.state)
    assert shown == model.state
    assert await bureau.audit() == []


@settings(
    max_examples=10 if QUICK else 200,
    deadline=None,
    phases=[Phase.generate] if QUICK else list(Phase),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=3, max_size=12))
async def test_every_fen_is_in_one_state(bureau: Bureau, steps: list[tuple[str, object]]) -> None:
    await play(bureau, steps)
