"""What every command has in common: a parser, an exit code that means something, and no traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.conftest import SECRET, Shell

ALL = (
    *(
        "serve",
        "worker",
        "migrate",
        "demo",
        "route",
        "audit",
        "trace",
        "desk",
        "import-bills",
        "statement",
        "reconcile",
    ),
    *("qr", "menu", "doctor"),
)
ROOT = Path(__file__).resolve().parents[2]


def test_help_names_every_command(shell: Shell) -> None:
    ran = shell.run("--help")

    assert ran.code == 0
    assert all(f"    {name} " in ran.out for name in ALL)


@pytest.mark.parametrize("command", ALL)
def test_every_command_has_help(shell: Shell, command: str) -> None:
    ran = shell.run(command, "--help")

    assert ran.code == 0 and f"python -m bot {command}" in ran.out


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["qr"], ["trace"], ["--log-level", "LOUD", "audit"]])
def test_a_wrong_call_is_told_and_is_two(shell: Shell, arguments: list[str]) -> None:
    ran = shell.run(*arguments)

    assert ran.code == 2 and "usage: python -m bot" in ran.err


WITH_DATABASE = (["audit"], ["trace", "t"], ["desk"], ["desk", "list"], ["desk", "show", "cas_x"], ["serve"])


@pytest.mark.parametrize("arguments", WITH_DATABASE)
def test_a_database_that_is_not_there_is_told_with_its_remedy(shell: Shell, arguments: list[str]) -> None:
    missing = shell.folder / "new" / "scenepay.db"
    shell.monkeypatch.setenv("DATABASE_URL", f"sqlite:///{missing}")
    ran = shell.run(*arguments)

    assert (ran.code, ran.out) == (2, "")
    assert "run: python -m bot migrate" in ran.err
    assert not missing.exists()


def test_a_database_of_an_older_release_is_told_with_its_remedy(shell: Shell) -> None:
    shell.sql("UPDATE alembic_version SET version_num = '0003'")

    for arguments in WITH_DATABASE:
        ran = shell.run(*arguments)
        assert ran.code == 2 and "run: python -m bot migrate" in ran.err


@pytest.mark.parametrize("arguments", [*WITH_DATABASE, ["migrate"], ["worker"]])
def test_a_wrong_configuration_is_told_line_by_line(shell: Shell, arguments: list[str]) -> None:
    shell.monkeypatch.delenv("SECRET_KEY")
    shell.monkeypatch.setenv("PORT", "99999")
    ran = shell.run(*arguments)

    assert (ran.code, ran.out) == (2, "")
    assert "PORT" in ran.err and "Traceback" not in ran.err


class TestMigrate:
    def test_a_new_database_comes_to_the_newest_revision(self, shell: Shell) -> None:
        path = shell.folder / "deep" / "new.db"
        shell.monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
        first, second = shell.run("migrate"), shell.run("migrate")

        assert (first.code, second.code) == (0, 0)
        assert first.out == second.out and first.out.startswith("the database is at 00")
        assert path.stat().st_mode & 0o077 == 0
        assert shell.run("audit").out == "audit: clean\n"

    def test_a_database_of_a_newer_release_is_left_alone(self, shell: Shell) -> None:
        shell.sql("UPDATE alembic_version SET version_num = '9999'")
        ran = shell.run("migrate")

        assert ran.code == 2 and "newer release" in ran.err


class TestProcesses:
    @pytest.mark.parametrize(
        ("variable", "value"),
        [("DATABASE_URL", ""), ("REDIS_URL", "memory://"), ("DATABASE_URL", "postgresql://x:y@127.0.0.1/z")],
    )
    def test_a_worker_of_its_own_needs_what_processes_can_share(self, shell: Shell, variable: str, value: str) -> None:
        if value:
            shell.monkeypatch.setenv(variable, value)
        ran = shell.run("worker")

        assert (ran.code, ran.out) == (2, "")
        assert "DATABASE_URL to PostgreSQL" in ran.err and "REDIS_URL to Redis" in ran.err

    def test_a_port_in_use_is_told_without_a_traceback(self, shell: Shell) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            shell.monkeypatch.setenv("PORT", str(taken.getsockname()[1]))
            ran = shell.run("serve")

        assert ran.code == 1 and "address already in use" in ran.err and "Traceback" not in ran.err

    def test_the_module_can_be_run(self, shell: Shell) -> None:
        """As a process, in a locale that knows no Chinese, from another folder."""
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "LC_ALL": "C",
            "PYTHONCOERCECLOCALE": "0",
            "DATABASE_URL": shell.url,
            "SECRET_KEY": SECRET,
        }
        ran = subprocess.run(
            [sys.executable, "-X", "utf8=0", "-m", "bot", "route"],
            input="交物业费\n\xff\xfe\n".encode() + b"\xff\xfe\n",
            capture_output=True,
            cwd=shell.folder,
            env=environment,
            timeout=60,
            check=False,
        )

        assert (ran.returncode, ran.stderr) == (0, b"")
        assert len(ran.stdout.splitlines()) == 3
        assert '"text": "交物业费"' in ran.stdout.decode()

    def test_a_server_loads_nothing_but_what_it_serves_with(self) -> None:
        """A killed server must be back at once; what only other commands need takes half as long again."""
        heavy = ("sqlalchemy", "alembic", "openpyxl", "bot.simulators", "bot.demo", "bot.billers.importing")
        program = "import sys; from bot.cli import read; read(['serve']); print(*sys.modules)"
        ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

        assert "bot.commands.running" in ran.stdout.split()
        assert [name for name in heavy if name in ran.stdout.split()] == []
