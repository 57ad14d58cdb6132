"""The house stands: every rule of the design about imports holds, and every rule can fail."""

from pathlib import Path

import pytest

from tests.house import floors, tree

RULES = {rule.name: rule for rule in floors.RULES}


def complaints(rule: str, modules: tuple[tree.Module, ...]) -> list[str]:
    return list(RULES[rule].check(modules))


@pytest.mark.parametrize("rule", floors.RULES, ids=lambda rule: rule.name)
def test_the_house_keeps_the_rule(rule: floors.Rule) -> None:
    found = list(rule.check(tree.product()))

    assert not found, f"{rule.says}:\n  " + "\n  ".join(found)


BAD: dict[str, tuple[dict[str, str], str]] = {
    "floors": ({"bot/attic/boxes.py": ""}, "bot.attic.boxes stands on no floor"),
    "down": (
        {"bot/kernel/money.py": "from bot.payments.orders import Order\n", "bot/payments/orders.py": ""},
        "bot.kernel.money of floor 0 imports bot.payments.orders.Order of floor 5",
    ),
    "island": (
        {"bot/simulators/wechat.py": "from bot.kernel.ids import new\n"},
        "bot.simulators.wechat imports bot.kernel.ids.new",
    ),
    "gateways": (
        {"bot/dialogue/engine.py": "import bot.gateways.wechatpay\n"},
        "bot.dialogue.engine imports bot.gateways.wechatpay",
    ),
    "simulators": (
        {"bot/web/routes.py": "from bot.simulators import wechat\n"},
        "bot.web.routes imports bot.simulators.wechat",
    ),
    "ports": (
        {"bot/workers/sweep.py": "from bot.gateways import wechatpay\n"},
        "bot.workers.sweep imports bot.gateways.wechatpay, not the port",
    ),
    "handlers": ({"bot/wiring.py": "from handlers import SCENES\n"}, "bot.wiring imports handlers.SCENES"),
    "ledger": (
        {"bot/cases/desk.py": "from bot.ledger.postings import post\n"},
        "bot.cases.desk imports bot.ledger.postings.post",
    ),
    "local": (
        {"bot/payments/credit.py": "def credit():\n    from bot.kernel import money\n"},
        "bot/payments/credit.py:2: bot.kernel.money is imported inside a function",
    ),
    "dynamic": (
        {"bot/web/routes.py": "import importlib\nimportlib.import_module('handlers')\n"},
        "bot/web/routes.py:2: an import by string",
    ),
    "typing": (
        {"bot/web/routes.py": "import typing\nif typing.TYPE_CHECKING:\n    import bot.wiring\n"},
        "bot/web/routes.py:2: TYPE_CHECKING",
    ),
    "cycles": (
        {
            "bot/jobs/a.py": "from . import b\n",
            "bot/jobs/b.py": "import bot.jobs.c",
            "bot/jobs/c.py": "from .a import x",
        },
        "bot.jobs.a -> bot.jobs.b -> bot.jobs.c -> bot.jobs.a",
    ),
}


@pytest.mark.parametrize("rule", BAD)
def test_each_rule_can_fail(rule: str, tmp_path: Path) -> None:
    files, expected = BAD[rule]

    found = complaints(rule, tree.example(files, tmp_path))

    assert any(expected in complaint for complaint in found), found


def test_every_rule_has_a_bad_example() -> None:
    assert set(BAD) == set(RULES)


GOOD = {
    "bot/__init__.py": "",
    "bot/kernel/__init__.py": "",
    "bot/kernel/money.py": "import decimal\n",
    "bot/ledger/__init__.py": "from bot.ledger.accounts import CHART\n",
    "bot/ledger/accounts.py": "CHART = ()\n",
    "bot/ledger/postings.py": "from bot.ledger import CHART\nfrom .accounts import CHART as same\n",
    "bot/payments/credit.py": "from bot.ledger.postings import post\n",
    "bot/gateways/__init__.py": "from bot.gateways.wechatpay import gateway\n",
    "bot/gateways/wechatpay/gateway.py": "from bot.payments import credit\n",
    "bot/simulators/__main__.py": "from bot.simulators import wechat\n",
    "bot/simulators/wechat.py": "from . import signing\n",
    "bot/simulators/signing.py": "",
    "bot/wiring.py": "import importlib\nfrom bot import gateways\nload = lambda pack: importlib.import_module(pack)\n",
    "bot/demo.py": "from bot import simulators, wiring\n",
    "bot/cli.py": "from bot import demo, wiring\n",
    "bot/__main__.py": "from bot.cli import main\n",
    "handlers/__init__.py": "from handlers.utilities import electricity\n",
    "handlers/utilities/electricity.py": "from bot.dialogue import engine\nfrom qrcodes import image\n",
}


@pytest.mark.parametrize("rule", floors.RULES, ids=lambda rule: rule.name)
def test_no_rule_complains_about_a_good_house(rule: floors.Rule, tmp_path: Path) -> None:
    assert list(rule.check(tree.example(GOOD, tmp_path))) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("from bot.channels.official import wire\n", "rooms of one floor do not know one another"),
        ("from bot.web import routes\n", "nor does a handler know what is above it"),
        ("from typing import Any\nif Any:\n    from bot.web import routes\n", "a condition hides no import"),
        ("try:\n    import bot.web\nexcept ImportError: pass\n", "nor does a try"),
        ("class C:\n    from bot.web import routes\n", "nor does a class"),
        ("import bot.attic\n", "and what has no floor cannot be imported"),
    ],
)
def test_imports_go_down_however_they_are_written(text: str, what: str, tmp_path: Path) -> None:
    assert complaints("down", tree.example({"handlers/scene.py": text}, tmp_path)), what


def test_the_bare_ground_imports_nothing(tmp_path: Path) -> None:
    assert complaints("floors", tree.example({"bot/__init__.py": "from bot.wiring import app\n"}, tmp_path))


def test_the_ledger_does_not_pass_its_door_on(tmp_path: Path) -> None:
    modules = tree.example({"bot/ledger/__init__.py": "from .postings import post\n"}, tmp_path)

    assert complaints("ledger", modules) == ["bot/ledger/__init__.py:1: bot.ledger imports bot.ledger.postings.post"]


def test_relative_imports_are_resolved_from_modules_and_packages(tmp_path: Path) -> None:
    modules = tree.example(
        {
            "bot/a/__init__.py": "from . import x\nfrom .. import y\n",
            "bot/a/m.py": "from .x import z\nfrom ..b import w\n",
        },
        tmp_path,
    )

    targets = {module.name: [imported.target for imported in module.imports] for module in modules}
    assert targets == {"bot.a": ["bot.a.x", "bot.y"], "bot.a.m": ["bot.a.x.z", "bot.b.w"]}


def test_a_cycle_is_told_once_and_a_diamond_is_none(tmp_path: Path) -> None:
    diamond = {
        "bot/jobs/top.py": "from bot.jobs import left, right\n",
        "bot/jobs/left.py": "from bot.jobs import bottom\n",
        "bot/jobs/right.py": "from bot.jobs import bottom\n",
        "bot/jobs/bottom.py": "",
    }
    assert complaints("cycles", tree.example(diamond, tmp_path)) == []

    diamond["bot/jobs/bottom.py"] = "from bot.jobs import top\n"
    assert 1 <= len(complaints("cycles", tree.example(diamond, tmp_path))) <= 2
