"""Reads the source: every module with its syntax tree, and whom each imports."""

import ast
import functools
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PRODUCT = ("bot", "handlers", "qrcodes")
AROUND = ("tests", "bench")

# Folders that no rule is about, for trees that git does not know yet.
NOT_SOURCE = frozenset({".venv", ".git", ".services", ".mypy_cache", ".ruff_cache", ".hypothesis", "__pycache__"})
NOT_SOURCE_EITHER = frozenset({"var", "dist", "build", "node_modules"})


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement's target, as the name of a module or of something inside one."""

    target: str
    line: int
    inside_function: bool


@dataclass(frozen=True, eq=False)
class Module:
    """One parsed file."""

    name: str
    path: str
    text: str
    tree: ast.Module
    is_package: bool

    @functools.cached_property
    def lines(self) -> int:
        return len(self.text.splitlines())

    @functools.cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree, walked once for all rules."""
        return tuple(ast.walk(self.tree))

    @functools.cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(_imports(self.tree.body, self, inside_function=False))

    def at(self, node: ast.AST) -> str:
        """Where a person should look."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


def _imports(body: Iterable[ast.AST], module: Module, *, inside_function: bool) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, inside_function)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module)
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", node.lineno, inside_function)
        else:
            deeper = inside_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(ast.iter_child_nodes(node), module, inside_function=deeper)


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if node.level == 0:
        return node.module or ""
    package = module.name.split(".")
    drop = node.level - (1 if module.is_package else 0)
    package = package[: len(package) - drop]
    return ".".join([*package, *([node.module] if node.module else [])])


def module_name(path: Path) -> str:
    """``bot/kernel/__init__.py`` is ``bot.kernel``."""
    parts = list(path.with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def parse(root: Path, packages: Iterable[str]) -> tuple[Module, ...]:
    """Parse every Python file of the packages, in the order of their paths."""
    found = []
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            relative = path.relative_to(root)
            if NOT_SOURCE & set(relative.parts):
                continue
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text, filename=str(relative))
            found.append(Module(module_name(relative), str(relative), text, tree, path.name == "__init__.py"))
    return tuple(found)


@functools.cache
def product() -> tuple[Module, ...]:
    """The application itself."""
    return parse(ROOT, PRODUCT)


@functools.cache
def everything() -> tuple[Module, ...]:
    """The application, its tests and its benchmarks."""
    return parse(ROOT, (*PRODUCT, *AROUND))


def example(files: dict[str, str], root: Path) -> tuple[Module, ...]:
    """Write a small tree and parse it: the self-tests' way to show that a rule can fail."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return parse(root, sorted({name.partition("/")[0] for name in files}))


def files(root: Path) -> list[Path]:
    """All files that are, or could next be, tracked; from git where it knows them, else by walking."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
        names = [name for name in listed.stdout.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = []
    if names:
        return sorted(root / name for name in names if (root / name).is_file())
    ignored = NOT_SOURCE | NOT_SOURCE_EITHER
    return sorted(p for p in root.rglob("*") if p.is_file() and not ignored & set(p.relative_to(root).parts))
