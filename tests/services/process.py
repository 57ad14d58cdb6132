"""Servers as our own children: under an ordinary user, on a free port, stopped or killed and always waited for."""

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.services import finding

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0
START_TRIES_MAX = 5


class ServiceFailed(Exception):
    """A server that is here did not start or answer; the text ends with what it said."""


def servant() -> tuple[int, int] | None:
    """The user and group that servers run as: PostgreSQL refuses root; None means to run as whoever we are."""
    if not finding.is_root():
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise ServiceFailed("there is neither a user postgres nor a user nobody to run PostgreSQL as")


def _family() -> str:
    """How our temporary folders are named; a process number means something in its own namespace only."""
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        namespace = 0
    return f"scenepay-{namespace}-"


def _sweep(parent: Path) -> None:
    """Remove what killed runs have left behind, forty megabytes each."""
    for folder in parent.glob(f"{_family()}*-*"):
        pid = folder.name.removeprefix(_family()).partition("-")[0]
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (ValueError, PermissionError):
            continue


def scratch() -> Path:
    """A temporary folder that belongs to the servers' user and that this user can reach."""
    parents = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    reachable = [p for p in parents if all(q.stat().st_mode & stat.S_IXOTH for q in (p, *p.parents))]
    parent = reachable[0] if reachable else parents[0]
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=f"{_family()}{os.getpid()}-", dir=parent))
    if owner := servant():
        os.chown(folder, *owner)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def as_servant() -> dict[str, int | list[int]]:
    owner = servant()
    return {"user": owner[0], "group": owner[1], "extra_groups": []} if owner else {}


_RUNNING: set["Process"] = set()


@dataclass(eq=False)
class Process:
    """A server that is our own child, so that it can be killed, waited for and started again on the same port."""

    command: list[str]
    folder: Path
    ready: Callable[[int], bool]
    stop_signal: signal.Signals
    stdin: str = ""
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def pid(self) -> int:
        if self._child is None:
            raise ServiceFailed("the server is not running")
        return self._child.pid

    def start(self) -> None:
        """Start and wait until the server answers. Raises ServiceFailed with the end of its log."""
        command = self.command
        dying_with_us = shutil.which("setpriv")
        # The death signal is tied to the thread that starts the child, so only the main thread may ask for it.
        if dying_with_us and threading.current_thread() is threading.main_thread():
            command = [dying_with_us, "--pdeathsig", self.stop_signal.name.removeprefix("SIG"), "--", *command]
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
                start_new_session=True,
                **as_servant(),  # type: ignore[call-overload]
            )
        if self._child.stdin is not None:
            with contextlib.suppress(BrokenPipeError), self._child.stdin as stdin:
                stdin.write(self.stdin.encode())
        _RUNNING.add(self)
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        assert self._child is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self.ready(self._child.pid):
                return
            if self._child.poll() is not None:
                break
            time.sleep(0.01)
        self.kill()
        said = self.log.read_text(errors="replace")[-2000:]
        raise ServiceFailed(f"{Path(self.command[0]).name} did not start; it said:\n{said}")

    def stop(self) -> None:
        """End the server in its own way and wait for it; stopping twice is fine."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End the server and all its children at once, as a crash would, and wait for it."""
        if self._child is None:
            return
        children = _children_of(self._child.pid)
        self._end(signal.SIGKILL)
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        child, self._child = self._child, None
        _RUNNING.discard(self)
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(how)
        try:
            child.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _children_of(pid: int) -> list[int]:
    """The direct children by Linux's /proc; elsewhere none, and PostgreSQL's notice the death by themselves."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@atexit.register
def _stop_all() -> None:
    for process in list(_RUNNING):
        process.stop()
