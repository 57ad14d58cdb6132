"""The bench of the router counts rightly, on a router that answers by a table."""

import random
import re
from pathlib import Path

from bench import router as bench
from bot.dialogue.acts import Act, Heard, Understanding
from bot.dialogue.examples import Example

HELD_MAX = 100
LINES = """# a remark
pay | electricity | 交电费 | amount=1
query | water | 查水费
oos | - | 买电视
oos | - | 买彩票
"""


class ByTable:
    """Answers what it was told to."""

    threshold = 0.5

    def __init__(self, **answers: Understanding) -> None:
        self.answers = answers

    def understand(self, text: str) -> Heard:
        return Heard(self.answers.get(text, Understanding(Act.OOS, None, 0.0)))


def test_scores_count_answers_and_false_starts(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text(LINES, "utf-8")
    lines = bench.read(tmp_path / "lines.txt")
    router = ByTable(
        交电费=Understanding(Act.PAY, "electricity", 0.9),
        查水费=Understanding(Act.HELP, "water", 0.9),
        买电视=Understanding(Act.PAY, "cable_tv", 0.6),
        买彩票=Understanding(Act.PAY, None, 0.4),
    )

    found = bench.score(bench.ask(router, lines), router.threshold)

    assert found == bench.Score(4, act=0.25, scene=0.75, both=0.25, starts=0.5, answered=1.0, right=0.5)
    assert "oos as pay 2" in bench.confusions(bench.ask(router, lines))[0]


def test_copies_are_changed() -> None:
    rng = random.Random(1)

    assert bench.traditional("缴电费") == "繳電費"
    assert all(bench.misspelt("我要交电费", rng) != "我要交电费" for _ in range(20))
    assert bench.misspelt("电费", rng) == "电费"


def test_an_empty_list_has_no_score() -> None:
    nothing: list[Example] = []

    assert bench.score(bench.ask(ByTable(), nothing), 0.5) == bench.Score(0, 0, 0, 0, 0, 0, 0)


def test_what_a_router_holds_is_told_and_is_little() -> None:
    megabytes = re.search(r"a router holds (\d+) MB", bench.held())

    assert megabytes is not None
    assert 1 <= int(megabytes[1]) < HELD_MAX
