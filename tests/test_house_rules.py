"""The rules of the house that a linter does not know hold everywhere, and each of them can fail."""

from pathlib import Path

import pytest

from tests.house import figures, floors, lints, tree, words

ALL_RULES = (*lints.PRODUCT_RULES, *lints.RULES_FOR_ALL)
RULES = {rule.name: rule for rule in ALL_RULES}


def check(rule: floors.Rule, modules: tuple[tree.Module, ...]) -> None:
    found = list(rule.check(modules))

    assert not found, f"{rule.says}:\n  " + "\n  ".join(found)


@pytest.mark.parametrize("rule", lints.PRODUCT_RULES, ids=lambda rule: rule.name)
def test_the_application_keeps_the_rule(rule: floors.Rule) -> None:
    check(rule, tree.product())


@pytest.mark.parametrize("rule", lints.RULES_FOR_ALL, ids=lambda rule: rule.name)
def test_application_tests_and_benchmarks_keep_the_rule(rule: floors.Rule) -> None:
    check(rule, tree.everything())


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    assert list(words.foreign_words(tree.ROOT, tree.files(tree.ROOT))) == []


def test_sizes_are_reported(record_house: list[str]) -> None:
    tests = [module for module in tree.everything() if module.name.startswith("tests")]
    record_house.append(figures.line(tree.product(), tests))

    assert record_house[-1].startswith("house: ")


def test_files_and_functions_stay_small() -> None:
    functions = figures.spread(figures.function_lengths(tree.product()))
    files = figures.spread(figures.file_lengths(tree.product()))

    assert functions.median <= figures.FUNCTION_MEDIAN_MAX
    assert functions.p90 <= figures.FUNCTION_P90_MAX
    assert files.median <= figures.FILE_MEDIAN_MAX


def test_a_spread_is_by_rank() -> None:
    assert figures.spread(range(1, 101)) == figures.Spread(50, 91, 100)
    assert figures.spread([7]) == figures.Spread(7, 7, 7)
    assert figures.spread([]) == figures.Spread(0, 0, 0)


# Each is the body of a module that breaks the rule; a pair names the module where it would be wrong.
BAD: dict[str, list[str | tuple[str, str]]] = {
    "clock": [
        "import datetime\ndatetime.datetime.now(datetime.UTC)",
        "from datetime import datetime as d, datetime\ndatetime.utcnow()",
        "from datetime import date\ndate.today()",
        "import time\ntime.time()",
        "import time\nread = time.time_ns",
        "from time import time",
    ],
    "money": [
        "x = order.amount / 2",
        "x = total_fen / 100",
        "x = (amount - fee) / 2",
        "amount /= 3",
        "x = float(row['amount'])",
        "x = amount * 0.006",
        "x = round(late_fee)",
        "amount: float = 0",
        "def f(amount_fen: float): ...",
        "x = 100 / -fee",
    ],
    "secrets": [
        "ok = signature == expected",
        "ok = params['sign'] != wanted",
        "ok = form.get('sign') == wanted",
        "ok = x.pay_sign == y",
        "ok = wanted == hmac.new(k, m).hexdigest()",
        "ok = a < b == access_token",
        "ok = compute_sign(m) == wanted",
        "ok = self.SECRET != given",
    ],
    "sql": [
        'f"SELECT * FROM {table}"',
        '"DELETE FROM " + table',
        '"SELECT a FROM b WHERE c = %s" % c',
        '"INSERT INTO {} VALUES (1)".format(t)',
        'f"""\n  UPDATE orders SET state = {state}"""',
        'f"with due as ({inner}) select 1"',
        'f"SELECT * FROM {table}"  # noqa: S608',
        '# ruff: noqa: S608\nx = f"SELECT * FROM {table}"',
        'x = (\n    f"SELECT a FROM {t}"\n)\n# noqa: S608 - A reason that stands elsewhere.',
    ],
    "print": ["print('hello')", ("bot/simulators/wechat.py", "print(1)")],
    "show": ["if settings.demo: pass", "x = 1 if self.is_simulated else 2", "if not demo_mode: pass"],
    "broad": [
        "try: x()\nexcept Exception: pass",
        "try: x()\nexcept: pass",
        "try: x()\nexcept (KeyError, Exception) as e: log(e)",
        "try: x()\nexcept BaseException:\n    if y: raise\n    z()",
        "try: x()\nexcept BaseException as e: job.error = None",
        "import contextlib\nwith contextlib.suppress(Exception): x()",
        ("bot/storage/sqlite.py", "try: x()\nexcept builtins.Exception: rollback()"),
    ],
    "file": ["x = 1\n" * 501],
    "function": ["def f():\n" + "    x = 1\n" * 70],
    "docstring": ["x = 1", '"""No full stop"""', '"""One. Two."""', '"""One\n\nMore."""', '"""一。 二。"""'],
    "hints": [
        "def f(x) -> None: ...",
        "def f(): ...",
        "class C:\n    def f(self, x) -> None: ...",
        "class C:\n    @staticmethod\n    def f(x) -> None: ...",
        "def f(*args, **options) -> None: ...",
        "async def f(*, x) -> None: ...",
    ],
}

GOOD: dict[str, list[str | tuple[str, str]]] = {
    "clock": [
        "import time\ntime.monotonic()\ntime.perf_counter()",
        "self.clock.now()",
        "clock.today()",
        ("bot/kernel/clock.py", "import datetime\ndatetime.datetime.now(datetime.UTC)"),
        ("bot/simulators/wechat.py", "import time\ntime.time()"),
        "from datetime import datetime\ndatetime.fromtimestamp(at, UTC)",
        "rate_per_time = job.time",
    ],
    "money": [
        "x = amount // 2",
        "x = folder / name",
        "x = folder / amount_rule",
        "x = Decimal(amount) / 100",
        "x = float(fee_rate)",
        "x = amount * 2 - fee",
        "x = elapsed / count",
        "price_list: float",
        "x = round(seconds)",
        "def f(amount: int, factor: float): ...",
    ],
    "secrets": [
        "ok = hmac.compare_digest(signature, expected)",
        "ok = sign_type == kind",
        "ok = token == ''",
        "ok = token is None",
        "ok = len(token) == n",
        "ok = mode == 'signature'",
        "ok = digest != row['digest']",
        "ok = state.design == other",
        "ok = self.token.kind == kind",
    ],
    "sql": [
        '"SELECT a FROM b WHERE c = $1"',
        'SQL = "SELECT a " "FROM b"',
        'f"chosen {x} from {y}"',
        'f"SELECT a FROM {TABLE}"  # noqa: S608 - The name is fixed when the module is loaded.',
        '"Select" + x',
        'f"update of {x} failed"',
        '# ruff: noqa: S608 - Only names of our own states are put in.\nx = f"SELECT a FROM {TABLE}"',
        ("bot/storage/engine.py", 'f"SELECT * FROM {table}"'),
        'f"SELECT 1"',
    ],
    "print": [
        ("bot/cli.py", "print(1)"),
        ("bot/demo/talk.py", "print(1)"),
        ("bot/simulators/__main__.py", "print(1)"),
        "log(1)",
    ],
    "show": [("bot/wiring.py", "if settings.demo: pass"), "if democracy: pass", "x = demo"],
    "broad": [
        "try: x()\nexcept BaseException:\n    rollback()\n    raise",
        "try: x()\nexcept Exception as e:\n    raise Other from e",
        "try: x()\nexcept BaseException as e: future.set_exception(e)",
        "try: x()\nexcept BaseException as e: job.error = translated(e)",
        "try: x()\nexcept BaseException as e: job.error, job.result = e, None",
        "try: x()\nexcept (KeyError, ValueError): pass",
        ("bot/web/middlewares.py", "try: x()\nexcept Exception: pass"),
        ("bot/workers/deliver.py", "import contextlib\nwith contextlib.suppress(Exception): x()"),
        "import contextlib\nwith contextlib.suppress(KeyError): x()",
    ],
    "file": ["x = 1\n" * 500],
    "function": ["def f():\n" + "    x = 1\n" * 69],
    "docstring": [
        '"""One sentence, e.g. Like this one, with v1.2 in it."""',
        '"""一句话。"""',
        '"""Two\nlines."""',
        '"""One.\n\nMore. And more."""',
    ],
    "hints": [
        "def f(x: int, *args: int, **options: int) -> None: ...",
        "class C:\n    def f(self, x: int) -> None: ...\n    @classmethod\n    def g(cls) -> None: ...",
        "f = lambda x: x",
    ],
}


def modules_of(example: str | tuple[str, str], root: Path) -> tuple[tree.Module, ...]:
    path, text = example if isinstance(example, tuple) else ("bot/payments/example.py", example)
    return tree.example({path: text}, root)


def examples(table: dict[str, list[str | tuple[str, str]]]) -> list[object]:
    return [
        pytest.param(rule, example, id=f"{rule}-{number}")
        for rule, listed in table.items()
        for number, example in enumerate(listed)
    ]


@pytest.mark.parametrize(("rule", "example"), examples(BAD))
def test_each_rule_can_fail(rule: str, example: str | tuple[str, str], tmp_path: Path) -> None:
    assert list(RULES[rule].check(modules_of(example, tmp_path)))


@pytest.mark.parametrize(("rule", "example"), examples(GOOD))
def test_no_rule_complains_for_nothing(rule: str, example: str | tuple[str, str], tmp_path: Path) -> None:
    assert list(RULES[rule].check(modules_of(example, tmp_path))) == []


def test_every_rule_has_examples_of_both_kinds() -> None:
    assert set(BAD) == set(GOOD) == set(RULES)


SLASH = "/"


@pytest.mark.parametrize(
    "line",
    [
        f"cd {SLASH}work{SLASH}main",
        f'open("{SLASH}farm{SLASH}x")',
        "pip install --index-" + "url https://mirror",
        "https://" + "py" + "pi.org/simple",
    ],
)
def test_foreign_words_are_found(line: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text(f"fine\n{line}\n")

    found = list(words.foreign_words(tmp_path, tree.files(tmp_path)))

    assert len(found) == 1
    assert found[0].startswith("notes.md:2: ")


@pytest.mark.parametrize("line", ["src/work/x", "https://example.com/work/hours", "the work/life balance", "~/farm/x"])
def test_ordinary_words_are_not(line: str, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text(line)

    assert list(words.foreign_words(tmp_path, tree.files(tmp_path))) == []


def test_a_tree_without_git_is_walked_but_not_its_caches(tmp_path: Path) -> None:
    for name in (".venv/x.py", "bot/__pycache__/y.pyc", "bot/z.py", "var/data.db"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    assert [path.name for path in tree.files(tmp_path)] == ["z.py"]


def test_figures_name_medians(tmp_path: Path) -> None:
    modules = tree.example(
        {"bot/a.py": "def f():\n    pass\n", "bot/b.py": "x = 1\n" * 10, "bot/__init__.py": ""}, tmp_path
    )

    told = figures.line(modules, modules[:1])

    assert "2 files (median 2, p90 10, max 10 lines), 1 functions (median 2, p90 2, max 2 lines)" in told
