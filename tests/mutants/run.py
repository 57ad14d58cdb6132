"""Applies the patches of this folder one by one to a copy of the tree; the test that each names must then fail.

A patch begins with two lines for people and for this program, followed by what ``git diff`` prints::

    Test: tests/payments/test_credit.py::test_a_repeated_notice_credits_once
    Defence: the unique row of the inbox (payments.md, trap 3)
"""

import argparse
import compileall
import contextlib
import dataclasses
import os
import py_compile
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from tests.house import tree

RUN_SECONDS_MAX = 300
BASELINE_SECONDS_MAX = 1800

CAUGHT = "caught"


class BadMutant(Exception):
    """A patch that proves nothing: unreadable, stale, or naming a test that does not pass without it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """One patch: the defence that it removes, and the test that must notice."""

    name: str
    patch: Path
    test: str
    defence: str


def read(patch: Path) -> Mutant:
    """Read a patch's two header lines. Raises BadMutant when one is missing or doubled."""
    header = re.split(r"^(?:diff --git|--- )", patch.read_text(encoding="utf-8"), maxsplit=1, flags=re.MULTILINE)[0]
    values = {}
    for key in ("Test", "Defence"):
        found = re.findall(rf"^{key}:[ \t]*(\S.*?)[ \t]*$", header, flags=re.MULTILINE)
        if len(found) != 1:
            raise BadMutant(f"{patch.name} needs one line '{key}: …' above the diff, and has {len(found)}")
        values[key] = found[0]
    return Mutant(patch.stem, patch, values["Test"], values["Defence"])


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """What became of one test, or of one of its parameter sets."""

    test: str
    outcome: str


class Copy:
    """A copy of the tree in which patches are applied and tests run, with the tree's own interpreter."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        for path in tree.files(root):
            target = folder / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        (root / ".services").mkdir(exist_ok=True)
        (folder / ".services").symlink_to(root / ".services")
        # A patch may change a file within its second and keep its size; bytecode by hash is never stale.
        compileall.compile_dir(folder, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTEST_"))},
            # First on the path, so that the copy wins over the installed, editable original.
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_CEILING_DIRECTORIES": str(folder.parent),
        }
        self._check_that_it_wins()

    def _check_that_it_wins(self) -> None:
        for package in sorted(path.parent.name for path in self.folder.glob("*/__init__.py")):
            program = f"import {package}; print({package}.__file__)"
            told = self._run([sys.executable, "-c", program], RUN_SECONDS_MAX)
            if not told.stdout.strip().startswith(str(self.folder)):
                raise BadMutant(f"{package} is imported from {told.stdout.strip() or told.stderr}, not from the copy")

    def _run(self, command: Sequence[str], seconds_max: float) -> subprocess.CompletedProcess[str]:
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=seconds_max)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def _git_apply(self, patch: Path, *options: str) -> None:
        done = self._run(["git", "apply", "--whitespace=nowarn", *options, str(patch.resolve())], RUN_SECONDS_MAX)
        if done.returncode != 0:
            raise BadMutant(f"does not apply: {(done.stderr.strip().splitlines() or ['git apply failed'])[0]}")

    @contextlib.contextmanager
    def patched(self, mutant: Mutant) -> Iterator[None]:
        """The copy with a patch, and without it again afterwards."""
        self._git_apply(mutant.patch)
        try:
            yield
        finally:
            self._git_apply(mutant.patch, "--reverse")

    def test(self, tests: Sequence[str], seconds_max: float, *options: str) -> list[Case]:
        """Run tests in one pytest; raises BadMutant when pytest itself comes to grief or takes too long."""
        report = self.folder.parent / "report.xml"
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", "-o", "junit_family=xunit1", *options]
        try:
            done = self._run([*command, *tests], seconds_max)
        except subprocess.TimeoutExpired:
            raise BadMutant(f"the tests hang: no end after {seconds_max:.0f} s") from None
        if done.returncode not in (0, 1) or not report.exists():
            said = (done.stdout.strip() or done.stderr.strip()).splitlines()
            raise BadMutant(f"pytest ended with {done.returncode}: {said[-1] if said else 'no word'}")
        return [_case(case) for case in ElementTree.parse(report).iter("testcase")]  # noqa: S314 - Our own pytest's.


def _case(case: ElementTree.Element) -> Case:
    classname, file = case.get("classname", ""), case.get("file", "")
    # The classes inside the file are what its dotted name leaves over.
    classes = classname.removeprefix(file.removesuffix(".py").replace("/", ".")).strip(".")
    test = "::".join([file, *(classes.split(".") if classes else []), case.get("name", "")])
    return Case(test, _outcome(case))


def _outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None:
        return "failed"
    if (error := case.find("error")) is not None:
        # What breaks while being cleaned up was broken by the test; what breaks before it says nothing.
        return "failed" if "teardown" in error.get("message", "") else "error"
    return "skipped" if case.find("skipped") is not None else "passed"


def outcomes_of(test: str, cases: Sequence[Case]) -> set[str]:
    """The outcomes of a test and of all its parameter sets."""
    return {case.outcome for case in cases if case.test == test or case.test.startswith(f"{test}[")}


def judge(mutant: Mutant, copy: Copy, baseline: Sequence[Case]) -> str:
    """``caught`` when the defence is proved; raises BadMutant with the reason when it is not."""
    before = outcomes_of(mutant.test, baseline)
    if before != {"passed"}:
        raise BadMutant(f"without the patch its test is {' and '.join(sorted(before)) or 'not there'}")
    with copy.patched(mutant):
        after = outcomes_of(mutant.test, copy.test([mutant.test], RUN_SECONDS_MAX, "--maxfail=1"))
    if "failed" in after:
        return CAUGHT
    if "error" in after:
        raise BadMutant("its test breaks before it starts")
    raise BadMutant("SURVIVED: nothing noticed that the defence is gone")


def judge_all(mutants: Sequence[Mutant], root: Path) -> int:
    """Print one line a mutant; return how many were not caught."""
    width = max(len(mutant.name) for mutant in mutants)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="scenepay-mutants-", ignore_cleanup_errors=True) as folder:
        copy = Copy(root, Path(folder) / "copy")
        tests = sorted({mutant.test for mutant in mutants})
        print(f"{len(mutants)} mutants; first their {len(tests)} tests on the tree as it is", flush=True)
        baseline = _baseline(copy, tests)
        for mutant in mutants:
            started = time.monotonic()
            try:
                verdict = judge(mutant, copy, baseline)
            except BadMutant as error:
                verdict, wrong = str(error), wrong + 1
            seconds = time.monotonic() - started
            print(f"{mutant.name:{width}}  {seconds:5.1f} s  {verdict}", flush=True)
            if verdict != CAUGHT:
                print(f"{'':{width}}           {mutant.test}\n{'':{width}}           {mutant.defence}", flush=True)
    print(f"{len(mutants) - wrong} caught, {wrong} not")
    return wrong


def _baseline(copy: Copy, tests: Sequence[str]) -> list[Case]:
    """All tests at once; one that cannot be found spoils the others' run, so then each runs alone."""
    try:
        return copy.test(tests, BASELINE_SECONDS_MAX)
    except BadMutant:
        cases: list[Case] = []
        for test in tests:
            with contextlib.suppress(BadMutant):
                cases += copy.test([test], RUN_SECONDS_MAX)
        return cases


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when every mutant was caught."""
    parser = argparse.ArgumentParser(description="Remove each defence in turn; the test named in its patch must fail.")
    parser.add_argument("words", nargs="*", help="only patches whose names contain one of these words")
    parser.add_argument("--tree", type=Path, default=tree.ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    patches = sorted((options.tree / "tests" / "mutants").glob("*.patch"))
    chosen = [patch for patch in patches if not options.words or any(word in patch.name for word in options.words)]
    if not chosen:
        print("no patch of tests/mutants is meant by that", file=sys.stderr)
        return 1
    try:
        return 1 if judge_all([read(patch) for patch in chosen], options.tree) else 0
    except BadMutant as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
