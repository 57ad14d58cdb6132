"""``audit``, ``trace`` and ``import-bills`` from the command line."""

import asyncio
from pathlib import Path

import pytest

from bot.kernel.clock import SystemClock
from bot.kernel.masking import Secret
from bot.storage.port import Database, Tx
from bot.storage.vault import Vault
from bot.trail.audit import record
from bot.trail.sealing import seal
from bot.trail.traces import Traces
from tests.commands.conftest import SECRET, Shell, lines

POSTING = """
INSERT INTO postings (journal, entry_no, source, destination, amount, trace_id, at)
VALUES ('credit:chg_1', 0, 'payers:wechatpay', 'clearing:wechatpay:main', 100, 't', 1)
"""


class TestAudit:
    def test_clean_books(self, shell: Shell) -> None:
        ran = shell.run("audit")

        assert (ran.code, ran.out) == (0, "audit: clean\n")

    def test_what_is_broken_is_named_once(self, shell: Shell) -> None:
        shell.sql(POSTING)
        ran = shell.run("audit")

        assert ran.code == 1
        assert "clearing_not_zero (1): credit:chg_1" in lines(ran.out)
        assert len(lines(ran.out)) == len(set(lines(ran.out)))
        assert lines(ran.out)[-1] == f"audit: {len(lines(ran.out)) - 1} broken"

    def test_a_changed_row_is_named_by_its_range(self, shell: Shell) -> None:
        async def fill(database: Database) -> None:
            clock = SystemClock()

            async def work(tx: Tx) -> None:
                for number in range(3):
                    subject = f"cas_{number}"
                    at = clock.now().replace(year=2020)
                    await record(tx, actor="ann", action="x", subject=subject, detail={}, trace_id="t", now=at)

            await database.effect(work)
            assert await seal(database, "audit", Vault.from_secrets([Secret(SECRET)]), clock) == 1

        shell.doing(fill)
        assert shell.run("audit").code == 0
        shell.sql("DROP TRIGGER immutable_audit_update")
        shell.sql("UPDATE audit SET actor = 'bob' WHERE seq = 2")
        ran = shell.run("audit")

        assert ran.code == 1 and "seal: audit rows 1 to 3 were altered" in lines(ran.out)


class TestTrace:
    def test_a_story_in_its_order(self, shell: Shell) -> None:
        async def fill(database: Database) -> None:
            trail = Traces(database, SystemClock())
            trail.note("trc_1", "webhook", "说：交物业费")
            await asyncio.sleep(0.002)
            trail.note("trc_1", "reply", "请选择账单", {"bills": 2})
            await trail.flush()

        shell.doing(fill)
        ran = shell.run("trace", "trc_1")

        assert ran.code == 0
        first, second = lines(ran.out)
        assert "webhook" in first and "说：交物业费" in first
        assert "reply" in second and '{"bills":2}' in second

    def test_an_unknown_trace_is_said_to_be_none(self, shell: Shell) -> None:
        ran = shell.run("trace", "trc_x")

        assert (ran.code, ran.out) == (1, "") and "nothing is known of trc_x" in ran.err


BILLS = "账单号,房号,户名,账期,金额\nB1,9-9-901,王小明,2026-10,128.50\nB2,9-9-902,李小红,2026-10,99\n"
WRONG = BILLS + "B3,nowhere,赵小一,2026-10,1\nB1,9-9-903,孙小二,2026-10,5\n"
BILL_COUNT = "SELECT COUNT(*) FROM bills WHERE bill_no LIKE 'B_'"


class TestImport:
    @pytest.fixture
    def file(self, town: Shell) -> Path:
        path = town.folder / "bills.csv"
        path.write_text(BILLS, encoding="utf-8")
        return path

    def importing(self, shell: Shell, file: Path, *more: str, item: str = "itm_sunshine_fee") -> tuple[int, str, str]:
        ran = shell.run("import-bills", item, str(file), "--as", " Ann", *more)
        return ran.code, ran.out, ran.err

    def test_a_dry_run_keeps_nothing(self, town: Shell, file: Path) -> None:
        code, out, _ = self.importing(town, file, "--dry-run")

        assert code == 0 and out.startswith("2 bills would be imported, 0 unchanged, 0 refused, of 2 lines")
        assert town.sql(BILL_COUNT) == [(0,)]

    def test_twice_is_once(self, town: Shell, file: Path) -> None:
        first, second = self.importing(town, file), self.importing(town, file)

        assert first[0] == 0 and first[1].startswith("2 bills imported, 0 unchanged, 0 refused, of 2 lines")
        assert second[0] == 0 and second[1].startswith("0 bills imported, 2 unchanged, 0 refused, of 2 lines")
        assert town.sql(BILL_COUNT) == [(2,)]
        assert town.sql("SELECT DISTINCT actor FROM audit WHERE actor NOT IN ('demo', 'system')") == [("ann",)]

    def test_each_wrong_line_is_named_with_its_remedy(self, town: Shell, file: Path) -> None:
        file.write_text(WRONG, encoding="gb18030")
        code, out, _ = self.importing(town, file)

        assert code == 1
        assert [line.partition(":")[0] for line in lines(out)[:2]] == ["line 4", "line 5"]
        assert "房号的格式不对" in out and "重复" in out
        assert lines(out)[-1].startswith("2 bills imported, 0 unchanged, 2 refused, of 4 lines")

    @pytest.mark.parametrize(("item", "told"), [("itm_x", "item_unknown"), ("itm_noodles", "item_without_bills")])
    def test_an_item_that_cannot_have_bills(self, town: Shell, file: Path, item: str, told: str) -> None:
        code, out, err = self.importing(town, file, item=item)

        assert (code, out) == (1, "") and told in err

    def test_a_file_that_is_not_there(self, town: Shell) -> None:
        code, out, err = self.importing(town, town.folder / "none.csv")

        assert (code, out) == (1, "") and "there is no file none.csv" in err

    def test_who_imports_has_a_name(self, town: Shell, file: Path) -> None:
        assert town.run("import-bills", "itm_sunshine_fee", str(file)).code == 2
        assert town.run("import-bills", "itm_sunshine_fee", str(file), "--as", "system").code == 1
        assert town.sql(BILL_COUNT) == [(0,)]
