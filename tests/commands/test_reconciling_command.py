"""``statement`` and ``reconcile`` from the command line: files in, reports out, exit codes that tell the truth."""

import json
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.commands.conftest import Shell, lines
from tests.gateways.wechatpay import bills

PLAIN = """kind,out_trade_no,transaction_id,amount,at,fee,out_refund_no
payment,T1,tx-T1,10.00,2026-11-20 12:00:00,0.06,
refund,T1,tx-T1,3.00,2026-11-20T12:00:00+08:00,-0.02,R1
"""
CONFIG = """
[gateways.wechatpay.main]
mchid = "1900000109"
appids = ["wx0000000000000001"]
serial = "ABCDEF0123456789"
private_key = '''{private}'''
apiv3_key = "0123456789abcdef0123456789abcdef"
public_key_id = "PUB_KEY_ID_0001"
public_key = '''{public}'''
certificates = false
base_url = "http://127.0.0.1:1"

[reconciliation.wechatpay.main]
fee_rate = "0.006"
"""
DAY = "2026-11-20"
MAIN = ("wechatpay", "main", DAY)


@pytest.fixture(scope="module")
def config() -> str:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return CONFIG.format(private=private.decode(), public=public.decode())


@pytest.fixture
def office(shell: Shell, config: str) -> Shell:
    """A shell with one gateway account that nothing can be fetched from."""
    shell.config(config)
    return shell


def write(shell: Shell, text: str, name: str = "bill.csv") -> str:
    path: Path = shell.folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_is_taken_once_and_another_content_supersedes_it(office: Shell) -> None:
    path = write(office, PLAIN)
    first = office.run("statement", *MAIN, "--file", path, "--as", "Ann")
    again = office.run("statement", *MAIN, "--file", path, "--as", "Ann")
    write(office, PLAIN.replace("10.00", "11.00"))
    other = office.run("statement", *MAIN, "--file", path, "--as", "Ann")

    assert (first.code, first.out) == (0, f"wechatpay:main:{DAY}: 2 lines, taken\n")
    assert (again.code, again.out) == (0, f"wechatpay:main:{DAY}: 2 lines, unchanged, version 1\n")
    assert "taken as version 2; the one before is superseded" in other.out
    assert office.sql("SELECT actor, action FROM audit WHERE action LIKE 'statement%' ORDER BY action") == [
        ("ann", "statement.superseded"),
        ("ann", "statement.taken"),
    ]


def test_a_gateway_s_own_file_is_read_as_it_was_downloaded(office: Shell) -> None:
    path = office.folder / "bill.gz"
    path.write_bytes(bills.text([bills.payment(1, date(2026, 11, 20))], 1, 100, 0))
    ran = office.run("statement", *MAIN, "--file", str(path), "--as", "Ann")

    assert (ran.code, ran.out) == (0, f"wechatpay:main:{DAY}: 1 lines, taken\n")


def test_a_day_is_compared_and_its_report_printed(office: Shell) -> None:
    office.run("statement", *MAIN, "--file", write(office, PLAIN), "--as", "Ann")
    ran = office.run("reconcile", *MAIN)

    assert ran.code == 1
    assert lines(ran.out)[0] == f"wechatpay main {DAY}: open"
    assert "payment  CNY  ours 0.00 (0) + explained 0.00 + waiting 0.00 + open 10.00 = theirs 10.00 (1)" in ran.out
    assert "fee      CNY  ours 0.00 (0) + explained 0.00 + waiting 0.00 + open 0.04 = theirs 0.04 (2)" in ran.out
    assert lines(ran.out)[-1] == "2 differences are not explained"
    # Nothing listens where this account's gateway should be.
    assert "the movements of money were not compared" in ran.err

    looked = office.run("reconcile", *MAIN, "--look", "--json")
    told = json.loads(looked.out)
    assert looked.code == 1 and told["proved"] and not told["balanced"] and told["unexplained"] == 2
    assert [each["kind"] for each in told["differences"]] == ["missing_here", "refund_missing_here"]


def test_an_empty_day_is_balanced(office: Shell) -> None:
    header = PLAIN.splitlines()[0] + "\n"
    office.run("statement", *MAIN, "--file", write(office, header), "--as", "Ann")
    ran = office.run("reconcile", *MAIN)

    assert (ran.code, lines(ran.out)[0]) == (0, f"wechatpay main {DAY}: balanced")


def test_the_bank_s_list_is_taken_first(office: Shell) -> None:
    office.run("statement", *MAIN, "--file", write(office, PLAIN), "--as", "Ann")
    bank = write(office, f"gateway,account,day,amount,reference\nwechatpay,main,{DAY},6.96,B1\n", "bank.csv")
    assert office.run("reconcile", *MAIN, "--arrivals", bank).code == 1
    ran = office.run("reconcile", *MAIN, "--arrivals", bank, "--as", "Ann")

    assert "1 arrivals taken, 0 known already" in ran.err
    assert "arrival  CNY  ours 6.96 (1) + explained 0.00 + waiting 0.00 + open 0.00 = theirs 6.96 (1)" in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["statement", "wechatpay", "other", DAY, "--as", "Ann"], "wechatpay main"),
        (["statement", *MAIN, "--file", "none.csv", "--as", "Ann"], "there is no file none.csv"),
        (["statement", *MAIN, "--as", "system"], "say who you are"),
        (["statement", "wechatpay", "main", "2999-01-01", "--as", "Ann"], "choose a day before today"),
        (["reconcile", *MAIN], "statement_unavailable"),
        (["reconcile", *MAIN, "--look"], "reconcile it first"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(office: Shell, arguments: list[str], said: str) -> None:
    ran = office.run(*arguments)

    assert (ran.code, ran.out) == (1, "") and said in ran.err


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (PLAIN.replace("10.00", "10.0.0"), "line 2: amount"),
        (PLAIN.replace("2026-11-20 12:00:00", "noon"), "line 2: a time"),
        (PLAIN.replace("tx-T1,10.00", "tx T1;,10.00"), "line 2: a number"),
        (PLAIN.replace("transaction_id", "tx"), "the first line must name"),
        (PLAIN.replace("payment,", "gift,"), "statement_malformed"),
    ],
)
def test_a_wrong_file_is_refused_whole(office: Shell, wrong: str, said: str) -> None:
    ran = office.run("statement", *MAIN, "--file", write(office, wrong), "--as", "Ann")

    assert (ran.code, ran.out) == (1, "") and said in ran.err
    assert office.sql("SELECT COUNT(*) FROM statements WHERE state = 'ready'") == [(0,)]


def test_the_audit_looks_at_bills_and_differences(office: Shell) -> None:
    office.run("statement", *MAIN, "--file", write(office, PLAIN), "--as", "Ann")
    office.run("reconcile", *MAIN)
    assert office.run("audit").out == "audit: clean\n"
    office.sql("DELETE FROM statement_lines WHERE line_no = 2")
    office.sql(
        "UPDATE recon_differences SET state = 'explained', disposition = 'wait', proposed_by = 'a', decided_by = 'a'"
    )
    ran = office.run("audit")

    assert ran.code == 1 and "statement_cut (1)" in ran.out and "difference_of_one_name (2)" in ran.out
