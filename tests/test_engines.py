"""The summary tells the truth about the engines of a run, and ``--all-engines`` refuses a partial one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import engines

ROOT = Path(__file__).parents[1]

ON_EVERYTHING = """
def test_databases(database_url): pass
def test_stores(ephemeral_url): pass
def test_browser(chromium): pass
"""


def run_pytest(folder: Path, source: str, *options: str, chosen: str = "") -> subprocess.CompletedProcess[str]:
    """Run pytest on one file in a tree whose only other tests are our conftest."""
    tests = folder / "tests"
    tests.mkdir()
    ours = ("__init__.py", "conftest.py", "engines.py", "keys.py", "network.py", "services")
    for name in (*(f"tests/{part}" for part in ours), "pyproject.toml", "constraints.txt", "bot"):
        (folder / name).symlink_to(ROOT / name)
    (tests / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", *options, "tests/test_it.py"]
    env = {**os.environ, engines.CHOICE: chosen}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_a_line_names_what_was_used_in_a_fixed_order() -> None:
    usage = engines.Usage()
    assert usage.line() == "engines: none"
    for name, version in (("chromium", "156"), ("memory", ""), ("redis", "7.0.15"), ("sqlite", "3.40.1")):
        usage.add(name, version)

    assert usage.line() == "engines: sqlite 3.40.1 + redis 7.0.15 + memory, chromium 156"
    assert usage.unused() == ["postgresql"]


def test_an_unknown_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engines.CHOICE, "sqlite,oracle")

    with pytest.raises(pytest.UsageError, match="names oracle"):
        engines.chosen()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_whole_run_passes_and_names_all_engines(tmp_path: Path, workers: tuple[str, ...]) -> None:
    run = run_pytest(tmp_path, ON_EVERYTHING, "--all-engines", *workers)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "engines: sqlite 3." in run.stdout
    for name in ("postgresql ", "redis ", "memory", "chromium "):
        assert name in run.stdout
    assert run.stdout.strip().splitlines()[-1].startswith("5 passed")


@pytest.mark.slow
def test_a_run_that_misses_an_engine_fails(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, "def test_store(ephemeral_url): pass", "--all-engines", "-k", "memory")

    assert run.returncode == pytest.ExitCode.TESTS_FAILED
    assert "FAILED, no test ran on sqlite, postgresql, redis, chromium" in run.stdout


@pytest.mark.slow
def test_a_quick_run_says_loudly_what_it_left_out(tmp_path: Path) -> None:
    source = ON_EVERYTHING + "\ndef test_direct(pg_url): pass\n"

    run = run_pytest(tmp_path, source, chosen="sqlite,memory")

    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed, 2 deselected" in run.stdout
    assert f"ONLY PART OF THE TESTS, {engines.CHOICE} left out POSTGRESQL, REDIS, CHROMIUM" in run.stdout


@pytest.mark.slow
def test_a_partial_choice_and_all_engines_contradict_each_other(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, "def test_nothing(): pass", "--all-engines", chosen="sqlite")

    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "contradict" in run.stderr


@pytest.mark.slow
@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_missing_service_ends_the_run_with_its_remedy(tmp_path: Path, workers: tuple[str, ...]) -> None:
    source = """
from tests.services import finding
finding.find_redis = lambda: None
finding.PROGRAMS["redis"] = finding.Program("Redis", finding.find_redis, "redis-server", "redis")
finding.is_root = lambda: False
def test_one(redis_url): pass
def test_two(redis_url): pass
"""
    run = run_pytest(tmp_path, source, *workers)

    assert run.returncode != 0
    assert "The tests need Redis, not found on this machine" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
