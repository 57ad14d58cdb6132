"""The rules of the house that are about what code does, one function each, from parsed modules to complaints."""

import ast
import re
from collections.abc import Callable, Iterator

from tests.house.floors import FRONT_DOOR, Rule, any_within, within
from tests.house.names import is_money, is_secret
from tests.house.tree import Module

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500

# Wall clocks; the monotonic ones measure durations and are free.
CLOCKS = frozenset({"now", "utcnow", "today", "fromtimestamp"})
CLOCK_OWNERS = frozenset({"datetime", "date"})
TIME_CLOCKS = frozenset({"time", "time_ns", "localtime", "gmtime", "ctime"})

# Where a fault of one request, job or command must not end the process, and where it is told to a person.
EDGES = ("bot.web", "bot.workers", *FRONT_DOOR, "bot.simulators")

# Modules on lower floors that begin tasks of their own, whose faults nobody above could tell of: the relay carries
# jobs for the workers (a deliverer's fault is one failed attempt), a turn outlives the request that brought it.
TASK_EDGES = ("bot.jobs.relay", "bot.channels.turns")
MAY_PRINT = (*FRONT_DOOR, "bot.simulators.__main__")

# The core does not know that it is shown to visitors; these parts set the show up.
SHOWMEN = (*FRONT_DOOR, "bot.wiring", "bot.settings", "bot.simulators")
SHOW = re.compile(r"(?:^|_)(?:demo|simulated|simulator|sandbox)(?:_mode)?$")

SQL = re.compile(
    r"^\s*(?:select\b.+|insert\s+into\b|update\s+\S+\s+set\b|delete\s+from\b|with\s+\w+.*\bas\s*\("
    r"|create\s+(?:table|index|unique|database)\b|alter\s+table\b|drop\s+(?:table|index|database)\b|truncate\s+)",
    re.IGNORECASE | re.DOTALL,
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(module: Module) -> Iterator[Function]:
    for node in module.nodes:
        if isinstance(node, Function):
            yield node


def _each(check: Callable[[Module, ast.AST], str | None]) -> Callable[[tuple[Module, ...]], Iterator[str]]:
    """A rule about single nodes: the function returns what is wrong with a node."""

    def run(modules: tuple[Module, ...]) -> Iterator[str]:
        for module in modules:
            for node in module.nodes:
                if (wrong := check(module, node)) is not None:
                    yield f"{module.at(node)}: {wrong}"

    return run


def _dotted(node: ast.AST) -> list[str]:
    match node:
        case ast.Name(id=name):
            return [name]
        case ast.Attribute(value=value, attr=name):
            return [*_dotted(value), name]
        case _:
            return []


@_each
def only_the_clock_tells_time(module: Module, node: ast.AST) -> str | None:
    if within(module.name, "bot.kernel.clock") or within(module.name, "bot.simulators"):
        return None
    match node:
        case ast.Attribute(attr=name):
            path = _dotted(node)
            owner = path[-2] if len(path) > 1 else ""
            if (owner in CLOCK_OWNERS and name in CLOCKS - {"fromtimestamp"}) or (
                owner == "time" and name in TIME_CLOCKS
            ):
                return f"{'.'.join(path)} reads the wall clock; take a Clock"
        case ast.ImportFrom(module="time", names=names):
            if taken := [alias.name for alias in names if alias.name in TIME_CLOCKS]:
                return f"time.{taken[0]} reads the wall clock; take a Clock"
    return None


@_each
def money_is_whole_fen(module: Module, node: ast.AST) -> str | None:
    match node:
        case ast.BinOp(op=ast.Div(), left=left, right=right) if is_money(left) or is_money(right):
            return "true division of money makes a float; use // or a function of bot.kernel.money"
        case ast.AugAssign(op=ast.Div(), target=target) if is_money(target):
            return "true division of money makes a float"
        case ast.BinOp(left=left, right=right) if is_money(left) or is_money(right):
            if any(isinstance(side, ast.Constant) and isinstance(side.value, float) for side in (left, right)):
                return "money and a float in one expression"
        case ast.Call(func=ast.Name(id="float" | "round" as name), args=[value, *_]) if is_money(value):
            return f"{name}() of money"
        case ast.AnnAssign(target=target, annotation=ast.Name(id="float")) if is_money(target):
            return "money declared as float"
        case ast.arg(annotation=ast.Name(id="float")) if is_money(node):
            return "money declared as float"
    return None


@_each
def secrets_are_compared_in_constant_time(module: Module, node: ast.AST) -> str | None:
    if not isinstance(node, ast.Compare):
        return None
    sides = [node.left, *node.comparators]
    for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
        # Comparing with a constant asks for a kind or for emptiness, and no secret is a constant.
        constant = isinstance(left, ast.Constant) or isinstance(right, ast.Constant)
        if isinstance(operator, ast.Eq | ast.NotEq) and not constant and (is_secret(left) or is_secret(right)):
            return "a secret compared by == tells how much of it was right; use hmac.compare_digest"
    return None


def _built_sql(node: ast.AST) -> bool:
    match node:
        case ast.JoinedStr(values=values):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in values)
            return len(values) > 1 and bool(SQL.search(text))
        case ast.BinOp(op=ast.Add() | ast.Mod(), left=left):
            return _is_sql(left)
        case ast.Call(func=ast.Attribute(value=value, attr="format" | "format_map" | "join")):
            return _is_sql(value)
        case _:
            return False


def _is_sql(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(SQL.search(node.value))


def _written(module: Module, node: ast.AST) -> str:
    """The whole lines that a node stands on, comments included."""
    first, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", None) or 1
    return "\n".join(module.text.splitlines()[first - 1 : last])


# Names that are fixed when the module is loaded may be put in, where the line or the whole file says why.
SQL_REASON = re.compile(r"# noqa: S608 - .{20,}")
SQL_REASON_OF_A_FILE = re.compile(r"^# ruff: noqa: S608 - .{20,}", re.MULTILINE)


@_each
def sql_is_never_put_together(module: Module, node: ast.AST) -> str | None:
    if within(module.name, "bot.storage") or not _built_sql(node):
        return None
    if SQL_REASON.search(_written(module, node)) or SQL_REASON_OF_A_FILE.search(module.text):
        return None
    return "SQL put together at run time; write it whole, with placeholders"


@_each
def only_the_front_door_prints(module: Module, node: ast.AST) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id="print" | "pprint")) if not any_within(module.name, MAY_PRINT):
            return "print(); write a log line"
        case _:
            return None


@_each
def the_core_is_not_a_show(module: Module, node: ast.AST) -> str | None:
    if any_within(module.name, SHOWMEN) or not isinstance(node, ast.If | ast.IfExp):
        return None
    asked = {(_dotted(part) or [""])[-1] for part in ast.walk(node.test) if isinstance(part, ast.Name | ast.Attribute)}
    shows = sorted(name for name in asked if SHOW.search(name))
    return f"the core asks {shows[0]}; give it another part instead" if shows else None


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """Whether a broad handler raises again at its end, or hands the exception to whoever waits for the result."""
    if isinstance(handler.body[-1], ast.Raise):
        return True
    return any(_hands_over(node, handler.name or "") for node in ast.walk(handler))


def _hands_over(node: ast.AST, error: str) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="set_exception")):
            return True
        case ast.Assign(targets=[ast.Attribute(attr="error") | ast.Tuple(elts=[ast.Attribute(attr="error"), *_])]):
            return any(isinstance(part, ast.Name) and part.id == error for part in ast.walk(node.value))
        case _:
            return False


def _is_broad(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(one) for one in caught.elts)
    return caught is None or (_dotted(caught) or [""])[-1] in ("Exception", "BaseException")


@_each
def broad_excepts_are_at_the_edges(module: Module, node: ast.AST) -> str | None:
    if any_within(module.name, (*EDGES, *TASK_EDGES)):
        return None
    match node:
        case ast.ExceptHandler(type=caught) if _is_broad(caught) and not _passes_on(node):
            return "a broad except that neither raises again nor stands at an edge"
        case ast.Call(func=function, args=[*caught]) if _dotted(function)[-1:] == ["suppress"]:
            if any(_is_broad(one) for one in caught):
                return "a broad suppress away from the edges"
    return None


def files_are_short(modules: tuple[Module, ...]) -> Iterator[str]:
    for module in modules:
        if module.lines > FILE_LINES_MAX:
            yield f"{module.path}: {module.lines} lines, more than {FILE_LINES_MAX}"


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def functions_are_short(modules: tuple[Module, ...]) -> Iterator[str]:
    for module in modules:
        for function in _functions(module):
            if length(function) > FUNCTION_LINES_MAX:
                told = f"{function.name} has {length(function)} lines, more than {FUNCTION_LINES_MAX}"
                yield f"{module.at(function)}: {told}"


# A full stop inside these words ends no sentence.
ABBREVIATIONS = re.compile(r"\b(?:e\.g|i\.e|etc|vs|cf|approx)\.")
NEXT_SENTENCE = re.compile(r"[.!?。!?]\s+\S")


def modules_say_what_they_are(modules: tuple[Module, ...]) -> Iterator[str]:
    for module in modules:
        # Tables and sources may follow; the first paragraph is what a reader of the folder gets.
        first = (ast.get_docstring(module.tree) or "").partition("\n\n")[0].rstrip()
        if not first:
            yield f"{module.path}: no docstring"
        elif not first.endswith((".", "。", ":")):
            yield f"{module.path}: the docstring does not begin with a sentence that ends"
        elif NEXT_SENTENCE.search(ABBREVIATIONS.sub("", first)):
            yield f"{module.path}: the docstring begins with more than one sentence"


def everything_is_hinted(modules: tuple[Module, ...]) -> Iterator[str]:
    for module in modules:
        methods = {id(member) for node in module.nodes if isinstance(node, ast.ClassDef) for member in node.body}
        for function in _functions(module):
            static = any(_dotted(decorator)[-1:] == ["staticmethod"] for decorator in function.decorator_list)
            own = function.args
            positional = [*own.posonlyargs, *own.args][1 if id(function) in methods and not static else 0 :]
            every = [*positional, *own.kwonlyargs, *(extra for extra in (own.vararg, own.kwarg) if extra)]
            if bare := [argument.arg for argument in every if argument.annotation is None]:
                yield f"{module.at(function)}: {function.name} does not say what {', '.join(bare)} is"
            if function.returns is None:
                yield f"{module.at(function)}: {function.name} does not say what it returns"


PRODUCT_RULES = (
    Rule("clock", "only bot.kernel.clock reads the wall clock", only_the_clock_tells_time),
    Rule("money", "money is int fen and never meets a float", money_is_whole_fen),
    Rule("secrets", "secrets are compared in constant time", secrets_are_compared_in_constant_time),
    Rule("sql", "SQL is put together nowhere but in storage", sql_is_never_put_together),
    Rule("print", "only the front door prints", only_the_front_door_prints),
    Rule("show", "the core never asks whether it is shown to visitors", the_core_is_not_a_show),
    Rule("broad", "broad excepts stand at the edges only", broad_excepts_are_at_the_edges),
)

RULES_FOR_ALL = (
    Rule("file", f"a file has at most {FILE_LINES_MAX} lines", files_are_short),
    Rule("function", f"a function has at most {FUNCTION_LINES_MAX} lines", functions_are_short),
    Rule("docstring", "a module says in one sentence what it is", modules_say_what_they_are),
    Rule("hints", "every argument and result is hinted", everything_is_hinted),
)
