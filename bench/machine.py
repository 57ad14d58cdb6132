"""What the machine was doing meanwhile: the hypervisor's steal, others' share, and the time of what was measured."""

import contextlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Moment:
    """Processor seconds since boot: all, idle, stolen."""

    total: float
    idle: float
    steal: float


def now() -> Moment:
    values = [int(value) / _TICKS for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return Moment(sum(values), values[3] + values[4], values[7])


def cpu_of(pid: int) -> float:
    """Return the processor seconds (user and system) that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def cpu_of_family(pid: int) -> float:
    """Return the processor seconds of a process and its children, of those that have ended too: a database server's."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        # Who ends meanwhile leaves the time to the parent.
        with contextlib.suppress(OSError):
            fields = [int(field) for field in file.read_text().rpartition(")")[2].split()[1:]]
            if file.parent.name == str(pid):
                ticks += sum(fields[10:14])
            elif fields[0] == pid:
                ticks += sum(fields[10:12])
    return ticks / _TICKS


def shares(before: Moment, after: Moment, ours: float) -> str:
    """Say how much of the machine was stolen and how much others used, in per cent of all processors.

    ``ours`` are the processor seconds of everything that belongs to the measurement.
    """
    span = max(after.total - before.total, 1e-9)
    steal = after.steal - before.steal
    busy = span - (after.idle - before.idle) - steal
    return f"steal {100 * steal / span:.1f} %, others {100 * max(busy - ours, 0) / span:.1f} %"


def name() -> str:
    return f"{os.cpu_count()} processors, Python {platform.python_version()}, {platform.system()} {platform.release()}"
