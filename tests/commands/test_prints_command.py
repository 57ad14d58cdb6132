"""Many codes from a sheet, blank ones, and the care of what hangs: all through the command line."""

import csv
import io
import zipfile
from itertools import chain
from pathlib import Path

import pytest

from tests.commands.conftest import Shell, lines
from tests.qrcodes.reading import SVG, decode, open_png, rasterise, svg_root
from tests.qrcodes.test_logo import logo_png

COUNT = "SELECT COUNT(*) FROM code_tokens"
STATE = "SELECT state, kind, store_id, item_id, label FROM code_tokens WHERE token = ?"
AUDIT = "SELECT actor, action FROM audit WHERE subject = ? ORDER BY seq"


def sheet(shell: Shell, *rows: str, head: str = "门店编号,项目编号,标签") -> Path:
    path = shell.folder / "codes.csv"
    path.write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    return path


def listing(archive: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        return list(csv.DictReader(io.StringIO(opened.read("codes.csv").decode("utf-8-sig"))))


def token_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


@pytest.fixture
def shop(town: Shell) -> Shell:
    town.monkeypatch.setenv("PUBLIC_URL", "https://pay.example.com")
    return town


class TestMany:
    def test_each_row_becomes_a_code_that_is_read_back(self, shop: Shell) -> None:
        path = sheet(shop, *(f"sto_noodles_{1 + n % 2},itm_noodles,{n}号桌" for n in range(30)))
        out = shop.folder / "codes.zip"
        ran = shop.run("qr", "--csv", str(path), "--out", str(out), "--form", "png")

        assert (ran.code, lines(ran.out)) == (0, [f"30 codes in {out}"])
        listed = listing(out)
        assert [row["标签"] for row in listed] == [f"{n}号桌" for n in range(30)]
        with zipfile.ZipFile(out) as archive:
            for row in (listed[0], listed[29]):
                drawn = archive.read(f"{row['编号']}-{row['门店编号']}.png")
                assert decode(open_png(drawn)) == [row["链接"]]
        assert len({row["链接"] for row in listed}) == 30

    def test_pages_of_stickers_hold_all_of_them(self, shop: Shell) -> None:
        path = sheet(shop, *["sto_noodles_1,itm_noodles,"] * 14)
        out = shop.folder / "codes.zip"
        assert shop.run("qr", "--csv", str(path), "--out", str(out)).code == 0

        with zipfile.ZipFile(out) as archive:
            pages = [name for name in archive.namelist() if name.startswith("page-")]
            roots = [svg_root(archive.read(page)) for page in pages]
        read = [decode(rasterise(code)) for root in roots for code in root.iter(f"{SVG}svg") if code is not root]
        assert len(pages) == 2
        assert list(chain(*read)) == [row["链接"] for row in listing(out)]

    def test_wrong_rows_are_named_and_nothing_is_made(self, shop: Shell) -> None:
        path = sheet(shop, "sto_noodles_1,itm_noodles,", "sto_x,itm_noodles,", "sto_noodles_1,itm_power,")
        before = shop.sql(COUNT)
        ran = shop.run("qr", "--csv", str(path), "--out", str(shop.folder / "codes.zip"))

        assert ran.code == 1
        assert "line 3" in ran.err and "line 4" in ran.err and "different merchants" in ran.err
        assert shop.sql(COUNT) == before
        assert not list(shop.folder.glob("codes.zip*"))

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["--csv", "missing.csv"], "there is no file"),
            (["--blank", "0", "--merchant", "mer_noodles"], "1 to"),
            (["--blank", "3"], "--merchant"),
            (["--blank", "3", "--merchant", "mer_x"], "merchant_unknown"),
            ([], "name a store and an item"),
        ],
    )
    def test_a_wrong_call_says_what_is_missing(self, shop: Shell, words: list[str], told: str) -> None:
        ran = shop.run("qr", *words, "--out", str(shop.folder / "codes.zip"))
        assert ran.code == 1 and told in ran.err

    def test_a_sheet_without_headings_is_refused(self, shop: Shell) -> None:
        path = sheet(shop, "sto_noodles_1,itm_noodles", head="a,b")
        assert "门店编号" in shop.run("qr", "--csv", str(path), "--out", str(shop.folder / "c.zip")).err

    def test_a_formula_in_the_sheet_is_no_label(self, shop: Shell) -> None:
        path = sheet(shop, "sto_noodles_1,itm_noodles,@SUM(1)")
        ran = shop.run("qr", "--csv", str(path), "--out", str(shop.folder / "codes.zip"))
        assert ran.code == 1 and "line 2" in ran.err

    @pytest.mark.parametrize("form", ["png", "svg", "sheet"])
    def test_a_logo_is_laid_into_every_code(self, shop: Shell, form: str) -> None:
        logo = shop.folder / "logo.png"
        logo.write_bytes(logo_png())
        path = sheet(shop, "sto_noodles_1,itm_noodles,")
        plain, marked = shop.folder / "plain.zip", shop.folder / "marked.zip"
        assert shop.run("qr", "--csv", str(path), "--out", str(plain), "--form", form).code == 0
        made = shop.run("qr", "--csv", str(path), "--out", str(marked), "--form", form, "--logo", str(logo))
        assert made.code == 0, made.err
        assert marked.stat().st_size > plain.stat().st_size


class TestCare:
    def blank(self, shop: Shell) -> str:
        out = shop.folder / "blank.zip"
        assert shop.run("qr", "--blank", "2", "--merchant", "mer_noodles", "--out", str(out)).code == 0
        return token_of(listing(out)[0]["链接"])

    def test_a_blank_code_is_bound_where_it_hangs(self, shop: Shell) -> None:
        token = self.blank(shop)
        assert shop.run("code", "bind", token, "sto_noodles_2", "itm_noodles", "--as", "li").code == 0

        assert shop.sql(STATE, token) == [("active", "static", "sto_noodles_2", "itm_noodles", "老街面馆 大学城店")]
        assert shop.sql(AUDIT, token) == [("li", "code.bound")]
        again = shop.run("code", "bind", token, "sto_noodles_1", "itm_noodles", "--as", "li")
        assert again.code == 1 and "code_unknown" in again.err

    def test_a_blank_code_of_one_merchant_is_not_bound_to_another(self, shop: Shell) -> None:
        token = self.blank(shop)
        shop.sql("UPDATE code_tokens SET merchant_id = 'mer_power' WHERE token = ?", token)
        assert shop.run("code", "bind", token, "sto_noodles_1", "itm_noodles", "--as", "li").code == 1

    def test_pause_resume_revoke_are_audited_and_a_revoked_code_never_comes_back(self, shop: Shell) -> None:
        out = shop.folder / "a.svg"
        token = token_of(lines(shop.run("qr", "sto_noodles_1", "itm_noodles", "--out", str(out)).out)[0])
        for action, state in (("pause", "paused"), ("resume", "active"), ("revoke", "revoked")):
            assert shop.run("code", action, token, "--as", "li").code == 0
            assert shop.sql(STATE, token)[0][0] == state
        assert shop.run("code", "resume", token, "--as", "li").code == 1
        assert [action for _, action in shop.sql(AUDIT, token)] == ["code.paused", "code.active", "code.revoked"]
        assert f"{token}  revoked" in shop.run("code", "list", "sto_noodles_1").out

    def test_a_lost_print_is_replaced_by_a_new_code_for_the_same(self, shop: Shell) -> None:
        out = shop.folder / "a.svg"
        token = token_of(lines(shop.run("qr", "sto_noodles_1", "itm_noodles", "--out", str(out)).out)[0])
        made = token_of(lines(shop.run("code", "replace", token, "--as", "li").out)[0])

        assert shop.sql(STATE, token)[0][0] == "revoked"
        assert shop.sql(STATE, made)[0][:4] == ("active", "static", "sto_noodles_1", "itm_noodles")
        assert shop.run("code", "replace", token, "--as", "li").code == 1

    def test_nobody_changes_a_code_without_a_name(self, shop: Shell) -> None:
        assert "--as NAME" in shop.run("code", "pause", "x").err
