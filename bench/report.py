"""One measured line, and how a table of them is printed."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench.load import Result


@dataclass(frozen=True)
class Row:
    """What was measured: ``cpu_us`` is the server process's own time for each request, in microseconds."""

    name: str
    result: Result
    cpu_us: float
    shares: str
    # What else the measurement itself kept busy, and how much of it.
    beside: str = ""
    # The time of the server and of everything beside it, for each request.
    all_us: float = 0.0


def table(title: str, rows: Sequence[Row]) -> None:
    """Print the rows."""
    out = sys.stdout.write
    out(f"\n{title}\n{'':44}{'req/s':>8}{'CPU us':>8}{'p50 ms':>8}{'p99 ms':>8}  failed\n")
    for row in rows:
        found = row.result
        out(
            f"{row.name:44}{found.rate:8.0f}{row.cpu_us:8.0f}{found.quantile(0.5):8.1f}{found.quantile(0.99):8.1f}"
            f"  {found.failures:6}  ({row.shares}{row.beside})\n"
        )
        if found.failures:
            out(f"    first failure: {found.sample[:300]!r}\n")
    sys.stdout.flush()


def line(text: str) -> None:
    """Print one line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
