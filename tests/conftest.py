"""Fixtures and hooks for every test: engines by URL, loopback only, and a summary that says what was run on what."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import pytest
import structlog

from bot.kernel.clock import SystemClock
from bot.outside import logging
from tests import engines, keys
from tests.network import loopback_only
from tests.services import (
    Chromium,
    Postgres,
    RedisServer,
    ServiceFailed,
    ServiceMissing,
    chromium_with_home,
    supplied_or_own_postgres,
    supplied_or_own_redis,
    template_setup,
)

__all__ = ["loopback_only"]

keys.load_each_once()

USAGE = pytest.StashKey[engines.Usage]()
HOUSE = pytest.StashKey[list[str]]()
REPORT = "scenepay_report"
Service = TypeVar("Service")

hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=2000, database=None, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("scenepay")
    group.addoption("--all-engines", action="store_true", help="fail when the run used fewer than all engines")
    group.addoption("--soak", action="store_true", help="full counts: every kill, every random message")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[USAGE] = engines.Usage()
    config.stash[HOUSE] = []
    hypothesis.settings.load_profile("soak" if config.getoption("--soak") else "quick")
    if config.getoption("--all-engines") and engines.left_out_by_choice():
        raise pytest.UsageError(f"--all-engines and {engines.CHOICE} contradict each other; unset one of them")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs an engine that a quick local run did not choose (the summary says so), and order the rest.

    Two processes share a run file by file, so the files with slow tests come first: one of them at the end would keep
    one process busy while the other has nothing left to do.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("browser")}
    items.sort(key=lambda item: item.path not in slow)
    left_out = set(engines.left_out_by_choice())
    if not left_out:
        return
    gone = [item for item in items if left_out & _needs(item)]
    if gone:
        config.hook.pytest_deselected(items=gone)
        items[:] = [item for item in items if item not in gone]


def _needs(item: pytest.Item) -> set[str]:
    names = getattr(item, "fixturenames", ())
    return {engines.NEEDED_BY_FIXTURE[name] for name in names if name in engines.NEEDED_BY_FIXTURE}


# --- what was run on what ----------------------------------------------------------------------------------------


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take over what a worker process of pytest-xdist used and found."""
    versions, house = getattr(node, "workeroutput", {}).get(REPORT, ({}, []))
    node.config.stash[USAGE].versions.update(versions)
    node.config.stash[HOUSE].extend(house)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    usage = session.config.stash[USAGE]
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[REPORT] = (usage.versions, session.config.stash[HOUSE])
    elif session.config.getoption("--all-engines") and usage.unused() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[HOUSE]:
        terminalreporter.write_line(line)
    usage = config.stash[USAGE]
    left_out = engines.left_out_by_choice()
    if left_out:
        loud = f"{usage.line()}: ONLY PART OF THE TESTS, {engines.CHOICE} left out {', '.join(left_out).upper()}"
        terminalreporter.write_line(loud, red=True, bold=True)
    elif usage.unused() and config.getoption("--all-engines"):
        loud = f"{usage.line()}: FAILED, no test ran on {', '.join(usage.unused())}"
        terminalreporter.write_line(loud, red=True, bold=True)
    else:
        unused = f" (not used by the chosen tests: {', '.join(usage.unused())})" if usage.unused() else ""
        terminalreporter.write_line(usage.line() + unused)


@pytest.fixture(scope="session")
def usage(pytestconfig: pytest.Config) -> engines.Usage:
    return pytestconfig.stash[USAGE]


@pytest.fixture
def record_house(pytestconfig: pytest.Config) -> list[str]:
    """Lines about the source for the summary of the run."""
    return pytestconfig.stash[HOUSE]


@pytest.fixture(scope="session")
def full_counts(pytestconfig: pytest.Config) -> bool:
    """Whether to run every kill and every random message (``make soak``) or a sample that fits ``make test``."""
    return bool(pytestconfig.getoption("--soak"))


# --- servers, one of each a process, started by the first test that needs them -------------------------------------


def _bring(stack: contextlib.ExitStack, service: Callable[[], contextlib.AbstractContextManager[Service]]) -> Service:
    """Start a service; one that is missing ends the run with one sentence instead of a traceback a test.

    A worker process of pytest-xdist cannot end the run, so there the sentence stands for every test.
    """
    try:
        return stack.enter_context(service())
    except (ServiceMissing, ServiceFailed) as error:
        sentence = str(error)
    if "PYTEST_XDIST_WORKER" in os.environ:
        pytest.fail(sentence, pytrace=False)
    pytest.exit(sentence, returncode=pytest.ExitCode.TESTS_FAILED)


@pytest.fixture(scope="session")
def postgres(usage: engines.Usage) -> Iterator[Postgres]:
    """The PostgreSQL server of this process, without fsync: for crash tests start one by ``start_postgres``."""
    with contextlib.ExitStack() as stack:
        server = _bring(stack, supplied_or_own_postgres)
        usage.add("postgresql", server.version)
        yield server


@pytest.fixture(scope="session")
def redis_server(usage: engines.Usage) -> Iterator[RedisServer]:
    """The Redis server of this process; FLUSHALL is allowed."""
    with contextlib.ExitStack() as stack:
        server = _bring(stack, supplied_or_own_redis)
        usage.add("redis", server.version)
        yield server


@pytest.fixture(scope="session")
def chromium(usage: engines.Usage) -> Iterator[Chromium]:
    """Where Chromium is and how to launch it."""
    with contextlib.ExitStack() as stack:
        browser = _bring(stack, chromium_with_home)
        usage.add("chromium", browser.version)
        yield browser


# --- a database of its own for every test --------------------------------------------------------------------------


@pytest.fixture
def pg_url(postgres: Postgres) -> Iterator[str]:
    """A PostgreSQL database with the application's schema and no rows."""
    dsn = postgres.lend_database()
    yield dsn
    postgres.take_back(dsn)


@pytest.fixture
def blank_pg_url(postgres: Postgres) -> Iterator[str]:
    """A PostgreSQL database with nothing in it, for tests of the migrations."""
    dsn = postgres.create_database(blank=True)
    yield dsn
    postgres.drop_database(dsn)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the application's schema."""
    path = tmp_path_factory.mktemp("sqlite") / "schema.db"
    template_setup(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path, usage: engines.Usage) -> str:
    """A SQLite file with the application's schema and no rows."""
    usage.sqlite()
    path = tmp_path / "scenepay.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def blank_sqlite_url(tmp_path: Path, usage: engines.Usage) -> str:
    """The URL of a SQLite file that does not exist yet, for tests of the migrations."""
    usage.sqlite()
    return f"sqlite:///{tmp_path / 'blank.db'}"


@pytest.fixture(autouse=True)
def logs_go_our_way() -> None:
    """Configure logging where an earlier test took the configuration away; else log lines would pass caplog by."""
    if not structlog.is_configured():
        logging.configure(SystemClock(), json=False)


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An emptied Redis database."""
    return redis_server.empty_database()


def _chosen_of(*names: str) -> list[str]:
    return [name for name in names if name in engines.chosen()]


@pytest.fixture(params=_chosen_of("sqlite", "postgresql"))
def database_url(request: pytest.FixtureRequest) -> str:
    """A database with the application's schema, once for each engine."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "pg_url"))


@pytest.fixture(params=_chosen_of("sqlite", "postgresql"))
def blank_database_url(request: pytest.FixtureRequest) -> str:
    """A database with nothing in it, once for each engine."""
    return str(request.getfixturevalue("blank_sqlite_url" if request.param == "sqlite" else "blank_pg_url"))


@pytest.fixture(params=_chosen_of("memory", "redis"))
def ephemeral_url(request: pytest.FixtureRequest, usage: engines.Usage) -> str:
    """An empty ephemeral store, once for each implementation."""
    if request.param == "redis":
        return str(request.getfixturevalue("redis_url"))
    usage.add("memory")
    return "memory://"
