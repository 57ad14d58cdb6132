"""The floors of the house as data, and the rules about who may import whom."""

import ast
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tests.house.tree import PRODUCT, Import, Module

# A module belongs to the longest name that it starts with. Modules may import their own room and lower floors only.
FLOORS: dict[str, int] = {
    "bot.kernel": 0,
    "bot.storage": 1,
    "bot.outside": 1,
    "bot.words": 1,
    "qrcodes": 1,
    "bot.jobs": 2,
    "bot.trail": 2,
    "bot.ledger": 2,
    "bot.customers": 3,
    "bot.risk": 4,
    "bot.billers": 4,
    "bot.payments": 5,
    "bot.gateways": 6,
    "bot.cases": 6,
    "bot.dialogue": 7,
    "bot.channels": 8,
    "handlers": 8,
    "bot.web": 9,
    "bot.workers": 9,
    "bot.settings": 10,
    "bot.wiring": 11,
    "bot.cli": 12,
}

# The front door has several leaves, which share a room.
FRONT_DOOR = ("bot.cli", "bot.commands", "bot.demo", "bot.__main__")
SAME_ROOM = dict.fromkeys(FRONT_DOOR, "bot.cli")

ISLAND = "bot.simulators"

# Who may know a gateway or a simulator by name, besides themselves and the tests.
ASSEMBLERS = ("bot.wiring", *FRONT_DOOR)

LEDGER_DOOR = "bot.ledger.postings"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it says to a person, and the function that finds where it is broken."""

    name: str
    says: str
    check: Callable[[tuple[Module, ...]], Iterator[str]]


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def any_within(name: str, packages: Iterable[str]) -> bool:
    return any(within(name, package) for package in packages)


def room_of(name: str) -> str | None:
    """The room of a module or of a name inside one; None outside the house and on its bare ground (``bot``)."""
    for package, room in itertools.chain(SAME_ROOM.items(), ((room, room) for room in FLOORS)):
        if within(name, package):
            return room
    return ISLAND if within(name, ISLAND) else None


def ours(imported: Import) -> bool:
    return any_within(imported.target, PRODUCT)


def _where(module: Module, imported: Import) -> str:
    return f"{module.path}:{imported.line}"


def every_module_has_a_floor(modules: tuple[Module, ...]) -> Iterator[str]:
    for module in modules:
        if module.name == "bot":
            yield from (f"{_where(module, i)}: bot/__init__.py imports {i.target}" for i in module.imports if ours(i))
        elif room_of(module.name) is None:
            yield f"{module.path}: {module.name} stands on no floor; add it to FLOORS and to the design"


def imports_go_down(modules: tuple[Module, ...]) -> Iterator[str]:
    for module in modules:
        room = room_of(module.name)
        if room is None or room == ISLAND:
            continue
        for imported in module.imports:
            target = room_of(imported.target) if ours(imported) else room
            # The front door starts the island; the rule about assemblers says who else may.
            if target in (room, ISLAND):
                continue
            if target is None:
                yield f"{_where(module, imported)}: {imported.target} stands on no floor"
            elif FLOORS[target] >= FLOORS[room]:
                floors = f"floor {FLOORS[room]} imports {imported.target} of floor {FLOORS[target]}"
                yield f"{_where(module, imported)}: {module.name} of {floors}"


def the_island_imports_nothing_of_ours(modules: tuple[Module, ...]) -> Iterator[str]:
    for module in modules:
        if within(module.name, ISLAND):
            for imported in module.imports:
                if ours(imported) and not within(imported.target, ISLAND):
                    yield f"{_where(module, imported)}: {module.name} imports {imported.target}"


def only_assemblers_know(package: str) -> Callable[[tuple[Module, ...]], Iterator[str]]:
    def check(modules: tuple[Module, ...]) -> Iterator[str]:
        for module in modules:
            if any_within(module.name, (package, *ASSEMBLERS)):
                continue
            for imported in module.imports:
                if within(imported.target, package):
                    yield f"{_where(module, imported)}: {module.name} imports {imported.target}"

    return check


def web_and_workers_know_no_gateway(modules: tuple[Module, ...]) -> Iterator[str]:
    for module in modules:
        if any_within(module.name, ("bot.web", "bot.workers")):
            for imported in module.imports:
                if within(imported.target, "bot.gateways"):
                    yield f"{_where(module, imported)}: {module.name} imports {imported.target}, not the port"


def nobody_knows_handlers(modules: tuple[Module, ...]) -> Iterator[str]:
    for module in modules:
        if within(module.name, "bot"):
            for imported in module.imports:
                if within(imported.target, "handlers"):
                    yield f"{_where(module, imported)}: {module.name} imports {imported.target}"


def only_payments_writes_the_ledger(modules: tuple[Module, ...]) -> Iterator[str]:
    for module in modules:
        if within(module.name, "bot.payments"):
            continue
        # A package that passed the door on under its own name would open it to everyone.
        if within(module.name, "bot.ledger") and not module.is_package:
            continue
        for imported in module.imports:
            if within(imported.target, LEDGER_DOOR):
                yield f"{_where(module, imported)}: {module.name} imports {imported.target}"


def no_import_inside_a_function(modules: tuple[Module, ...]) -> Iterator[str]:
    for module in modules:
        for imported in module.imports:
            if imported.inside_function and ours(imported):
                yield f"{_where(module, imported)}: {imported.target} is imported inside a function"


def _is_dynamic_import(call: ast.Call) -> bool:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__")


def dynamic_imports_only_in_wiring(modules: tuple[Module, ...]) -> Iterator[str]:
    """Wiring loads the packs of scenes that the settings name, and the front door the one command that is called.

    Nobody else hides an import in a string.
    """
    for module in modules:
        for node in module.nodes:
            if isinstance(node, ast.Call) and _is_dynamic_import(node):
                name = node.args[0] if node.args else None
                literal = isinstance(name, ast.Constant)
                if literal or not any_within(module.name, ("bot.wiring", "bot.cli")):
                    yield f"{module.at(node)}: an import by string"


def no_type_checking_tricks(modules: tuple[Module, ...]) -> Iterator[str]:
    for module in modules:
        for node in module.nodes:
            if isinstance(node, ast.Name | ast.Attribute | ast.alias):
                name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", None)
                if name == "TYPE_CHECKING":
                    yield f"{module.at(node)}: TYPE_CHECKING hides an import from run time, not from the reader"


def _edges(modules: tuple[Module, ...]) -> dict[str, list[str]]:
    """Module to modules, by the deepest module that each import names."""
    known = {module.name for module in modules}
    edges: dict[str, list[str]] = {}
    for module in modules:
        targets = []
        for imported in module.imports:
            name = imported.target
            while name and name not in known:
                name = name.rpartition(".")[0]
            if name and name != module.name:
                targets.append(name)
        edges[module.name] = sorted(set(targets))
    return edges


def no_cycle(modules: tuple[Module, ...]) -> Iterator[str]:
    """Depth first; a module met again while it is still open closes a cycle. Each cycle is told once."""
    edges = _edges(modules)
    done: set[str] = set()
    for start in sorted(edges):
        if start in done:
            continue
        path, pending = [start], [iter(edges[start])]
        while pending:
            target = next(pending[-1], None)
            if target is None:
                pending.pop()
                done.add(path.pop())
            elif target in path:
                yield " -> ".join([*path[path.index(target) :], target])
            elif target not in done:
                path.append(target)
                pending.append(iter(edges[target]))


RULES = (
    Rule("floors", "every module stands on a floor of the design", every_module_has_a_floor),
    Rule("down", "a module imports its own room and lower floors only", imports_go_down),
    Rule("island", "simulators import nothing of the application", the_island_imports_nothing_of_ours),
    Rule("gateways", "only wiring and the front door import gateways", only_assemblers_know("bot.gateways")),
    Rule("simulators", "only wiring and the front door import simulators", only_assemblers_know(ISLAND)),
    Rule("ports", "web and workers know the ports, never a gateway", web_and_workers_know_no_gateway),
    Rule("handlers", "nobody in bot imports handlers by name", nobody_knows_handlers),
    Rule("ledger", "only payments imports the ledger's writing module", only_payments_writes_the_ledger),
    Rule("local", "no project import inside a function", no_import_inside_a_function),
    Rule("dynamic", "only wiring imports by name, and never a literal one", dynamic_imports_only_in_wiring),
    Rule("typing", "imports for hints are ordinary imports", no_type_checking_tricks),
    Rule("cycles", "no import cycle, inside a package neither", no_cycle),
)
