"""Figures of the source that a run of the tests reports: how long files and functions are."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.house.lints import Function, length
from tests.house.tree import Module

# Half of all functions fit a glance, and hardly any needs scrolling.
FUNCTION_MEDIAN_MAX = 8
FUNCTION_P90_MAX = 30
FILE_MEDIAN_MAX = 120


@dataclass(frozen=True, slots=True)
class Spread:
    """How a number is spread over many things."""

    median: int
    p90: int
    max: int

    def __str__(self) -> str:
        return f"median {self.median}, p90 {self.p90}, max {self.max}"


def spread(values: Sequence[int]) -> Spread:
    ordered = sorted(values) or [0]
    return Spread(statistics.median_low(ordered), ordered[len(ordered) * 9 // 10], ordered[-1])


def file_lengths(modules: Sequence[Module]) -> list[int]:
    """Lines of each file; a package's bare docstring is not a file that anybody reads."""
    return [module.lines for module in modules if module.lines > 1]


def function_lengths(modules: Sequence[Module]) -> list[int]:
    return [length(node) for module in modules for node in module.nodes if isinstance(node, Function)]


def line(product: Sequence[Module], tests: Sequence[Module]) -> str:
    """One line about the sizes of the application, and how much test stands beside it."""
    files, functions = file_lengths(product), function_lengths(product)
    beside = sum(module.lines for module in tests) / max(sum(module.lines for module in product), 1)
    sizes = f"{len(files)} files ({spread(files)} lines), {len(functions)} functions ({spread(functions)} lines)"
    return f"house: {sizes}, tests {beside:.2f} x code"
