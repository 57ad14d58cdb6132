"""``qr`` and ``menu`` from the command line."""

import json
from pathlib import Path

import pytest

from tests.commands.conftest import Shell, lines
from tests.qrcodes.reading import decode, open_png

CODES = "SELECT token, store_id, item_id, label FROM code_tokens WHERE created_at > 0 ORDER BY rowid DESC LIMIT 1"
COUNT = "SELECT COUNT(*) FROM code_tokens"


class TestQr:
    @pytest.mark.parametrize("name", ["code.svg", "code.png", "code-stand.svg"])
    def test_a_code_is_made_and_drawn(self, town: Shell, name: str) -> None:
        town.monkeypatch.setenv("PUBLIC_URL", "https://pay.example.com")
        out = town.folder / name
        ran = town.run("qr", "sto_noodles_1", "itm_noodles", "--out", str(out))

        (url,) = lines(ran.out)
        (row,) = town.sql(CODES)
        assert ran.code == 0
        assert url == f"https://pay.example.com/q/{row[0]}"
        assert row[1:] == ("sto_noodles_1", "itm_noodles", "老街面馆 中山路店")
        drawn = out.read_bytes()
        assert drawn.startswith(b"\x89PNG") if name.endswith("png") else b"<svg" in drawn[:300]
        if name.endswith("stand.svg"):
            assert "老街面馆" in drawn.decode() and "中山路店" in drawn.decode()
        if name.endswith("png"):
            assert decode(open_png(drawn)) == [url]

    @pytest.mark.parametrize(
        ("store", "item", "out", "told"),
        [
            ("sto_x", "itm_noodles", "a.svg", "store_unknown"),
            ("sto_noodles_1", "itm_x", "a.svg", "item_unknown"),
            ("sto_noodles_1", "itm_power", "a.svg", "different merchants"),
            ("sto_noodles_1", "itm_noodles", "a.pdf", ".svg, .png"),
            ("sto_noodles_1", "itm_noodles", "missing/a.svg", "there is no folder missing"),
        ],
    )
    def test_nothing_is_made_that_cannot_be_drawn(
        self, town: Shell, store: str, item: str, out: str, told: str
    ) -> None:
        before = town.sql(COUNT)
        ran = town.run("qr", store, item, "--out", out)

        assert (ran.code, ran.out) == (1, "") and told in ran.err
        assert town.sql(COUNT) == before and not (town.folder / out).exists()


class TestMenu:
    def write(self, shell: Shell, text: str) -> Path:
        path = shell.folder / "menu.json"
        path.write_text(text, encoding="utf-8")
        return path

    def test_the_standard_menu_can_be_looked_at_without_any_configuration(self, shell: Shell) -> None:
        shell.monkeypatch.delenv("SECRET_KEY")
        ran = shell.run("menu", "main", "--dry-run")

        menu = json.loads(ran.out)
        assert ran.code == 0 and [button["name"] for button in menu["button"]] == ["缴费", "我的", "人工客服"]

    def test_a_menu_of_ones_own(self, shell: Shell) -> None:
        own = {"button": [{"type": "click", "name": "缴费", "key": "act:help"}]}
        ran = shell.run("menu", "main", "--dry-run", "--file", str(self.write(shell, json.dumps(own))))

        assert ran.code == 0 and json.loads(ran.out) == own

    def test_all_faults_of_a_menu_at_once(self, shell: Shell) -> None:
        wrong = {"button": [{"type": "click", "name": "很" * 9}, {"type": "shout", "name": "b"}]}
        ran = shell.run("menu", "main", "--dry-run", "--file", str(self.write(shell, json.dumps(wrong))))

        assert (ran.code, ran.out) == (1, "")
        assert "button 1: its name" in ran.err and "button 1: click needs key" in ran.err and "button 2" in ran.err

    @pytest.mark.parametrize("text", ["{", "[]", "3"])
    def test_a_file_that_holds_no_menu(self, shell: Shell, text: str) -> None:
        ran = shell.run("menu", "main", "--dry-run", "--file", str(self.write(shell, text)))

        assert ran.code == 1 and "menu.json is no JSON" in ran.err and "Traceback" not in ran.err

    def test_a_file_that_is_not_there(self, shell: Shell) -> None:
        ran = shell.run("menu", "main", "--dry-run", "--file", "none.json")

        assert ran.code == 1 and "there is no file none.json" in ran.err

    def test_an_account_that_is_not_configured(self, shell: Shell) -> None:
        ran = shell.run("menu", "main")

        assert ran.code == 1 and "none configured" in ran.err
