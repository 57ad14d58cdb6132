"""``desk`` from the command line: two names, what is shown to whom, and messages that say what to do."""

import json
from typing import Any

import pytest

from bot.cases.book import SAID, open_case, seal_words
from bot.cases.sla import Service
from bot.cases.tickets import Complaint, Tickets
from bot.kernel.clock import SystemClock
from bot.kernel.masking import Secret
from bot.storage.port import Database
from bot.storage.vault import Vault
from tests.commands.conftest import SECRET, Shell, lines

CLOCK = SystemClock()


def put_case(shell: Shell, kind: str = "contradiction", key: str = "k1", **facts: Any) -> str:
    """Open a case and return its id."""

    async def work(database: Database) -> None:
        now = CLOCK.now()
        await database.effect(
            lambda tx: open_case(
                tx, kind=kind, key=key, subject="ord_1", facts=facts, trace_id="trc_1", told_at=now, now=now
            )
        )

    shell.doing(work)
    return str(shell.sql("SELECT id FROM cases WHERE key = ?", key)[0][0])


def test_nothing_waits(shell: Shell) -> None:
    for arguments in (["desk"], ["desk", "list"]):
        ran = shell.run(*arguments)
        assert (ran.code, ran.out) == (0, "0 waiting\n")


def test_the_list_names_what_is_late(shell: Shell) -> None:
    soon, late = put_case(shell, key="soon"), put_case(shell, key="late")
    shell.sql("UPDATE cases SET due_at = 1 WHERE id = ?", late)
    first, second, count = lines(shell.run("desk", "list").out)

    assert first.startswith(late) and "LATE" in first
    assert second.startswith(soon) and "LATE" not in second
    assert count == "2 waiting"


def test_a_case_from_its_opening_to_its_end(shell: Shell) -> None:
    case = put_case(shell, amount=9_999, gateway="wechatpay")
    shown = shell.run("desk", "show", case)
    assert shown.code == 0
    assert "about: ord_1" in shown.out and '"amount": 9999' in shown.out and "may be done: close" in shown.out

    proposed = shell.run("desk", "propose", case, "close", "--as", "Ann", "--note", "the bank says so")
    assert proposed.code == 0 and "proposed: close by ann" in proposed.out
    same = shell.run("desk", "approve", case, "--as", " ANN")
    assert (same.code, same.out) == (1, "") and "another person" in same.err
    refused = shell.run("desk", "reject", case, "--as", "Bob", "--note", "which bank?")
    assert refused.code == 0 and f"{case}  contradiction  open" in refused.out and "note: which bank?" in refused.out
    shell.run("desk", "propose", case, "close", "--as", "Ann", "--note", "the letter is filed")
    approved = shell.run("desk", "approve", case, "--as", "Bob", "--note", "read it")
    assert approved.code == 0 and "decided by: bob" in approved.out

    assert shell.run("desk", "list").out == "0 waiting\n"
    audit = shell.sql("SELECT actor, action, detail FROM audit WHERE actor <> 'system' ORDER BY seq")
    assert [row[:2] for row in audit] == [
        ("ann", "case.proposed"),
        ("bob", "case.rejected"),
        ("ann", "case.proposed"),
        ("bob", "case.approved"),
    ]
    assert [json.loads(row[2])["note"] for row in audit] == [
        "the bank says so",
        "which bank?",
        "the letter is filed",
        "read it",
    ]


def test_a_customers_words_are_shown_to_whoever_gives_a_name(shell: Shell) -> None:
    vault = Vault.from_secrets([Secret(SECRET)])
    case = put_case(shell, "customer", **{SAID: seal_words(vault, ["我多交了 50 元", "请退给我"])})
    hidden = shell.run("desk", "show", case)
    assert "多交" not in hidden.out and SAID not in hidden.out and "--as NAME" in hidden.out
    assert shell.sql("SELECT actor FROM audit WHERE actor <> 'system'") == []
    shown = shell.run("desk", "show", case, "--as", "Ann")

    assert "said: 我多交了 50 元\nsaid: 请退给我\n" in shown.out
    assert shell.sql("SELECT actor, action, subject FROM audit WHERE actor <> 'system'") == [("ann", "case.read", case)]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["show", "cas_x"], 1, "desk list"),
        (["show", "{case}", "--as", "x"], 1, "--as NAME"),
        (["propose", "{case}", "close"], 2, "--as"),
        (["propose", "{case}", "close", "--as", "ann"], 1, "--note"),
        (["propose", "{case}", "refund", "--as", "ann"], 1, "choose one of: close"),
        (["propose", "cas_x", "close", "--as", "ann", "--note", "x"], 1, "case_unknown"),
        (["approve", "{case}", "--as", "ann"], 1, "case_not_proposed"),
        (["reject", "{case}", "--as", "ann"], 1, "only a proposal"),
        (["approve", "{case}", "--as", "system"], 1, "--as NAME"),
    ],
)
def test_what_cannot_be_done_is_told(shell: Shell, arguments: list[str], code: int, told: str) -> None:
    case = put_case(shell)
    ran = shell.run("desk", *(part.replace("{case}", case) for part in arguments))

    assert ran.code == code and told in ran.err and "Traceback" not in ran.err
    assert shell.sql("SELECT state FROM cases") == [("open",)]


def put_ticket(shell: Shell) -> tuple[str, str]:
    """Open a customer's ticket; return its case and its number."""
    complaint = Complaint("cus_1", "official", "main", "wrong_account", "D21", "trc_1", None, "电费", 12_850)

    async def work(database: Database) -> None:
        book = Tickets(database, Vault.from_secrets([Secret(SECRET)]), Service())
        ticket, _ = await book.open(complaint, CLOCK.now())
        await book.remark(ticket, "正确的户号是 0522222222", CLOCK.now())

    shell.doing(work)
    ((case, number),) = shell.sql("SELECT k.id, t.number FROM tickets t JOIN cases k ON k.key = t.id")
    return str(case), str(number)


def test_a_customer_is_told_how_a_complaint_stands(shell: Shell) -> None:
    """What is told lies sealed in the ticket; what the customer added is read only by who names themselves."""
    case, number = put_ticket(shell)

    told = shell.run("desk", "tell", case, "--as", "Ann", "--note", "供电公司核实中")
    plain, named = shell.run("desk", "show", case), shell.run("desk", "show", case, "--as", "Ann")

    assert told.code == 0
    assert number in plain.out and "customer  remark" in plain.out and "0522222222" not in plain.out
    assert "0522222222" in named.out and "desk  progress  供电公司核实中" in named.out
    assert shell.sql("SELECT COUNT(*) FROM outbox WHERE kind = 'ticket'") == [(1,)]


def test_only_a_complaint_has_somebody_to_tell(shell: Shell) -> None:
    case = put_case(shell)

    ran = shell.run("desk", "tell", case, "--as", "Ann", "--note", "hello")

    assert (ran.code, ran.out) == (1, "") and "ticket" in ran.err
