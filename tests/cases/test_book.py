"""The same trouble is one case, told twice or again, and a customer's words are nobody's to read by chance."""

import asyncio
from datetime import timedelta

import pytest

from bot.cases.book import SAID, count_waiting, seal_words, show, waiting, words_of
from bot.kernel.errors import NotFound
from bot.kernel.masking import Secret
from bot.storage.vault import Undecipherable, Vault
from tests.cases.office import Office, a_case
from tests.payments.world import SECRET


async def test_a_trouble_told_twice_is_one_case(lone: Office) -> None:
    first = await lone.open(amount=1)
    lone.world.clock.advance(60)
    second = await lone.open(amount=2)

    assert second == first
    assert await count_waiting(lone.world.database) == 1


async def test_many_who_tell_at_once_open_one_case(office: Office) -> None:
    cases = await asyncio.gather(*(office.open() for _ in range(8)))

    assert len({case.id for case in cases}) == 1


async def test_a_trouble_that_comes_back_opens_its_case_again(office: Office) -> None:
    case = await office.open(amount=1)
    await office.decide(case, "close")
    office.world.clock.advance(3600)
    again = await office.open(amount=2)

    assert (again.id, again.state, again.facts) == (case.id, "open", {"amount": 2})
    assert (again.proposed_by, again.decided_by, again.note, again.action) == (None, None, None, None)
    assert again.due_at > case.due_at
    assert await office.audited(case) == [("ann", "case.proposed"), ("bob", "case.approved")]


async def test_a_job_delivered_twice_does_not_open_what_was_closed_meanwhile(office: Office) -> None:
    """A relay that dies before it noted the delivery tells again, after somebody has worked the case."""
    found_at = office.world.clock.now()
    case = await office.told(found_at)
    await office.decide(case, "close")
    office.world.clock.advance(5)

    assert (await office.told(found_at)).state == "resolved"


async def test_a_proposed_case_is_left_to_those_who_work_on_it(lone: Office) -> None:
    case = await lone.open(amount=1)
    await lone.desk.propose(case.id, "close", actor="ann", note="x")
    lone.world.clock.advance(60)
    again = await lone.open(amount=2)

    assert (again.state, again.facts) == ("proposed", {"amount": 1})


async def test_the_most_urgent_comes_first_and_what_is_resolved_not_at_all(lone: Office) -> None:
    late = await lone.open(key="late")
    lone.world.clock.advance(10)
    patient = await lone.open("refund_abnormal", "patient")
    soon = await lone.open(key="soon")
    done = await lone.open(key="done")
    await lone.decide(done, "close")

    assert [case.id for case in await waiting(lone.world.database)] == [late.id, soon.id, patient.id]
    assert patient.due_at - patient.opened_at == timedelta(hours=48)
    assert [case.id for case in await waiting(lone.world.database, limit=1)] == [late.id]
    assert await count_waiting(lone.world.database) == 3


async def test_an_unknown_case_is_not_found(lone: Office) -> None:
    with pytest.raises(NotFound, match="case_unknown"):
        await show(lone.world.database, "cas_x")


class TestWords:
    async def test_they_lie_sealed_and_open_with_the_key(self, lone: Office) -> None:
        vault = lone.world.vault
        words = ["我叫陈晓明", "3-2-501 多交了钱"]
        case = await lone.open("customer", **{SAID: seal_words(vault, words)})

        row = await lone.world.row("SELECT * FROM cases")
        assert "陈晓明" not in str(dict(row)) and "501" not in str(row["facts"])
        assert words_of(vault, case) == tuple(words)

    async def test_no_words_are_no_fault(self, lone: Office) -> None:
        assert words_of(lone.world.vault, await lone.open()) == ()

    @pytest.mark.parametrize("sealed", ["", "not base64!", "AAAA"])
    def test_what_was_altered_opens_nothing(self, sealed: str) -> None:
        with pytest.raises(Undecipherable):
            words_of(vault_of(SECRET), a_case({SAID: sealed}))

    def test_another_key_opens_nothing(self) -> None:
        case = a_case({SAID: seal_words(vault_of(SECRET), ["x"])})

        assert words_of(vault_of(SECRET), case) == ("x",)
        with pytest.raises(Undecipherable):
            words_of(vault_of("quite another secret of at least 32"), case)


def vault_of(secret: str) -> Vault:
    return Vault.from_secrets([Secret(secret)])
