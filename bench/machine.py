"""What the machine was doing meanwhile: the hypervisor's steal, other processes' share, and one process's own time."""

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


def shares(before: Moment, after: Moment, ours: float) -> str:
    """Say how much of the machine was stolen and how much others used, in per cent of all processors."""
    span = max(after.total - before.total, 1e-9)
    steal = after.steal - before.steal
    busy = span - (after.idle - before.idle) - steal
    return f"steal {100 * steal / span:.1f} %, others {100 * max(busy - ours, 0) / span:.1f} %"


def name() -> str:
    return f"{os.cpu_count()} processors, Python {platform.python_version()}, {platform.system()} {platform.release()}"
