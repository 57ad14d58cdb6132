"""The mutants' runner tells a caught mutant from a survivor, a stale patch and a test that proves nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.mutants import run

CODE = '''"""A till."""


def charge(amount: int) -> int:
    if amount <= 0:
        raise ValueError("nothing to pay")
    return amount
'''

TESTS = '''"""Tests of the till."""

import pytest
import till


@pytest.mark.parametrize("amount", [0, -1])
def test_refuses(amount):
    with pytest.raises(ValueError):
        till.charge(amount)


class TestTill:
    def test_charges(self):
        assert till.charge(5) == 5


def test_always_fails():
    assert till.charge(5) == 6


@pytest.mark.skip
def test_skipped():
    pass


@pytest.fixture
def broken():
    till.charge(0)


def test_takes_positive(broken_or_not):
    pass


@pytest.fixture
def broken_or_not():
    if till.charge(1) != 1:
        raise RuntimeError
'''

NO_CHECK = """diff --git a/till/__init__.py b/till/__init__.py
--- a/till/__init__.py
+++ b/till/__init__.py
@@ -2,6 +2,4 @@


 def charge(amount: int) -> int:
-    if amount <= 0:
-        raise ValueError("nothing to pay")
     return amount
"""
# Same size and same second as the original: only bytecode by hash notices.
OTHER_RESULT = """diff --git a/till/__init__.py b/till/__init__.py
--- a/till/__init__.py
+++ b/till/__init__.py
@@ -4,4 +4,4 @@
 def charge(amount: int) -> int:
     if amount <= 0:
         raise ValueError("nothing to pay")
-    return amount
+    return 778899
"""
STALE = NO_CHECK.replace("nothing to pay", "something else")
NO_SYNTAX = OTHER_RESULT.replace("+    return 778899", "+    return (")

TEST = "tests/test_till.py"


@pytest.fixture
def tree_with_till(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for name, text in {
        "till/__init__.py": CODE,
        "tests/test_till.py": TESTS,
        "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-p no:cacheprovider"\n',
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "tests" / "mutants").mkdir()
    return root


def add(root: Path, name: str, test: str, diff: str) -> None:
    (root / "tests" / "mutants" / f"{name}.patch").write_text(f"Test: {TEST}::{test}\nDefence: {name}\n\n{diff}")


def verdicts(root: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Run all mutants of a tree; what is said of each."""
    assert run.main(["--tree", str(root)]) == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if " s  " in line]
    return {words[0]: " ".join(words[3:]) for words in lines}


@pytest.mark.slow
def test_verdicts_and_that_mutants_neither_add_up_nor_touch_the_tree(
    tree_with_till: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(tree_with_till, "a-removed", "test_refuses", NO_CHECK)
    add(tree_with_till, "b-same-size", "TestTill::test_charges", OTHER_RESULT)
    add(tree_with_till, "c-one-parameter", "test_refuses[0]", NO_CHECK)
    add(tree_with_till, "d-unnoticed", "TestTill::test_charges", NO_CHECK)
    add(tree_with_till, "e-stale", "test_refuses", STALE)
    add(tree_with_till, "f-red-before", "test_always_fails", NO_CHECK)
    add(tree_with_till, "g-skipped-before", "test_skipped", NO_CHECK)
    add(tree_with_till, "h-broken-fixture", "test_takes_positive", OTHER_RESULT)
    add(tree_with_till, "i-no-syntax", "test_refuses", NO_SYNTAX)

    told = verdicts(tree_with_till, capsys)

    assert told["a-removed"] == told["b-same-size"] == told["c-one-parameter"] == "caught"
    assert told["d-unnoticed"].startswith("SURVIVED")
    assert told["e-stale"].startswith("does not apply: error: ")
    assert told["f-red-before"] == "without the patch its test is failed"
    assert told["g-skipped-before"] == "without the patch its test is skipped"
    assert told["h-broken-fixture"] == "its test breaks before it starts"
    assert told["i-no-syntax"].startswith("pytest ended with ")
    assert (tree_with_till / "till" / "__init__.py").read_text() == CODE


@pytest.mark.slow
def test_a_test_that_is_not_there_spoils_nothing_but_its_own_mutant(
    tree_with_till: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(tree_with_till, "good", "test_refuses", NO_CHECK)
    add(tree_with_till, "lost", "test_nowhere", NO_CHECK)

    assert verdicts(tree_with_till, capsys) == {
        "good": "caught",
        "lost": "without the patch its test is not there",
    }


@pytest.mark.slow
def test_success_is_the_exit_code_when_all_are_caught(tree_with_till: Path) -> None:
    add(tree_with_till, "only", "test_refuses", NO_CHECK)
    add(tree_with_till, "not-this-one", "TestTill::test_charges", NO_CHECK)

    assert run.main(["only", "--tree", str(tree_with_till)]) == 0


@pytest.mark.slow
def test_an_installed_original_does_not_win_over_the_copy(tree_with_till: Path, tmp_path: Path) -> None:
    """An editable install is a line in a .pth file, which puts the original on the path of every process."""
    copy = run.Copy(tree_with_till, tmp_path / "copies" / "copy")
    program = f"import site, sys; site.addsitedir({str(tmp_path)!r}); import till; print(till.__file__)"
    (tmp_path / "editable.pth").write_text(f"{tree_with_till}\n")

    told = subprocess.run(
        [sys.executable, "-c", program], env=copy.environment, cwd="/", capture_output=True, text=True, check=True
    )

    assert Path(told.stdout.strip()).is_relative_to(copy.folder)


@pytest.mark.parametrize("missing", ["Test", "Defence"])
def test_a_patch_must_name_its_test_and_its_defence(tmp_path: Path, missing: str) -> None:
    patch = tmp_path / "x.patch"
    patch.write_text("".join(f"{key}: a::b\n" for key in ("Test", "Defence") if key != missing) + NO_CHECK)

    with pytest.raises(run.BadMutant, match=f"{missing}: …"):
        run.read(patch)


def test_words_inside_the_diff_are_no_header(tmp_path: Path) -> None:
    patch = tmp_path / "x.patch"
    patch.write_text(f"Test: a::b\nDefence: c d\n{NO_CHECK}+Test: z\nTest: y\n")

    assert run.read(patch) == run.Mutant("x", patch, "a::b", "c d")


def test_no_mutant_is_no_success(tree_with_till: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--tree", str(tree_with_till)]) == 1
    assert "no patch" in capsys.readouterr().err


def test_every_patch_of_ours_is_readable_and_names_a_test_file() -> None:
    mutants = [run.read(patch) for patch in sorted(Path(__file__).parent.glob("*.patch"))]

    assert [mutant.name for mutant in mutants if not (ROOT / mutant.test.partition("::")[0]).is_file()] == []
