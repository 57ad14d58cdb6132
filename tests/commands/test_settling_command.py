"""``settlement`` and ``share-rule`` from the command line."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.billers.catalogue import Catalogue
from bot.demo.sample import put_sample
from bot.kernel.clock import SystemClock, business_day
from bot.kernel.masking import Secret
from bot.storage.port import Database
from bot.storage.vault import Vault
from tests.commands.conftest import SECRET, Shell, lines

RULE = """
merchant = "{merchant}"
cap = 3000
[[receivers]]
key = "owners"
ratio = 1000
kind = "merchant"
number = "1900000111"
"""


@pytest.fixture
def merchant(shell: Shell) -> str:
    async def fill(database: Database) -> None:
        clock = SystemClock()
        await put_sample(database, Vault.from_secrets([Secret(SECRET)]), Catalogue(database, clock), clock)

    shell.doing(fill)
    return str(shell.sql("SELECT MIN(id) FROM merchants")[0][0])


def test_a_day_without_anything_is_proved(shell: Shell, merchant: str) -> None:
    ran = shell.run("settlement", merchant, "2026-11-23")

    assert (ran.code, lines(ran.out)[-1]) == (0, "proved against the ledger")
    told = json.loads(shell.run("settlement", merchant, "--json").out)
    assert (told["proved"], told["total"]["net"], told["accounts"]) == (True, 0, [])
    rows = list(csv.reader(io.StringIO(shell.run("settlement", merchant, "2026-11-23", "--csv").out)))
    assert (rows[0][:4], rows[1][:3]) == (["merchant", "day", "gateway", "account"], [merchant, "2026-11-23", "total"])


def test_what_is_not_proved_ends_with_one(shell: Shell, merchant: str) -> None:
    at = int(SystemClock().now().timestamp() * 1_000_000)
    shell.sql(
        "INSERT INTO postings (journal, entry_no, source, destination, amount, trace_id, at) "
        "VALUES ('odd:1', 0, 'payers:wechatpay', ?, 7, 't', ?)",
        f"merchant:{merchant}:due",
        at,
    )
    ran = shell.run("settlement", merchant, business_day(SystemClock().now()).isoformat())

    assert ran.code == 1
    assert "not proved: other is 0 here and 7 in the ledger (fen)" in ran.err
    assert lines(ran.out)[-1] == "NOT PROVED against the ledger"


def test_a_merchant_that_is_none(shell: Shell) -> None:
    assert shell.run("settlement", "nobody").code == 1


def test_a_rule_is_proposed_and_listed(shell: Shell, merchant: str, tmp_path: Path) -> None:
    file = tmp_path / "rule.toml"
    file.write_text(RULE.format(merchant=merchant))

    proposed = shell.run("share-rule", "--propose", str(file), "--as", "ann")
    listed = shell.run("share-rule", merchant)

    assert proposed.code == 0
    assert "v1 proposed  cap 3000  owners 1000 ****0111" in listed.out
    assert "1900000111" not in listed.out


@pytest.mark.parametrize("words", [(), ("m", "--propose", "x.toml", "--as", "ann")])
def test_a_rule_needs_one_of_both(shell: Shell, words: tuple[str, ...]) -> None:
    assert shell.run("share-rule", *words).code == 1


def test_a_file_that_is_no_rule_and_a_rule_of_nobody(shell: Shell, merchant: str, tmp_path: Path) -> None:
    file = tmp_path / "rule.toml"
    write: Callable[[str], int] = file.write_text
    write("this is no TOML")
    assert "rule.toml" in shell.run("share-rule", "--propose", str(file), "--as", "ann").err
    write(RULE.format(merchant=merchant))
    assert shell.run("share-rule", "--propose", str(file)).code == 1
