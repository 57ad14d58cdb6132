"""Which engines this run of the tests was allowed and which it used: the last word before the counts."""

import os
import sqlite3

import pytest

# Fixed order of the report; the value is how an engine is joined to the one before.
ENGINES = ("sqlite", "postgresql", "redis", "memory", "chromium")
CHOICE = "SCENEPAY_TEST_ENGINES"

# A test that asks for one of these fixtures needs that engine.
NEEDED_BY_FIXTURE = {
    "sqlite_url": "sqlite",
    "blank_sqlite_url": "sqlite",
    "postgres": "postgresql",
    "redis_server": "redis",
    "chromium": "chromium",
}


def chosen() -> tuple[str, ...]:
    """The engines of this run: all of them, unless a quick local run names fewer."""
    named = os.environ.get(CHOICE, "")
    if not named.strip():
        return ENGINES
    engines = {name.strip() for name in named.split(",") if name.strip()}
    unknown = engines - set(ENGINES)
    if unknown:
        raise pytest.UsageError(f"{CHOICE} names {', '.join(sorted(unknown))}; it may name {', '.join(ENGINES)}")
    return tuple(engine for engine in ENGINES if engine in engines)


class Usage:
    """Collects, over all worker processes, the engines that tests really ran on and their versions."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}

    def add(self, engine: str, version: str = "") -> None:
        self.versions[engine] = version

    def sqlite(self) -> None:
        self.add("sqlite", sqlite3.sqlite_version)

    def unused(self) -> list[str]:
        return [engine for engine in ENGINES if engine not in self.versions]

    def line(self) -> str:
        """For example ``engines: sqlite 3.40.1 + postgresql 15.18 + redis 7.0.15 + memory, chromium 156``."""
        names = {name: f"{name} {self.versions[name]}".strip() for name in ENGINES if name in self.versions}
        browser = names.pop("chromium", None)
        engines = " + ".join(names.values()) or "none"
        return f"engines: {engines}" + (f", {browser}" if browser else "")


def left_out_by_choice() -> list[str]:
    return [engine for engine in ENGINES if engine not in chosen()]
