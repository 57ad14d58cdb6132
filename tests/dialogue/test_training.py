"""The lines that the router learns from, and that the shipped artefact is what they give."""

import random
from collections import Counter
from pathlib import Path

import pytest

from bot.dialogue import examples, model, training
from bot.dialogue.acts import SCENELESS, SCENES, Act
from bot.dialogue.examples import BadLine, Example
from bot.dialogue.features import Reader

FEW = (
    "pay | electricity | 交电费\npay | electricity | 缴电费\nquery | water | 查水费\nquery | water | 水费多少\n"
    "greet | - | 你好\ngreet | - | 您好啊\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "expansion").mkdir()
    (tmp_path / "few.txt").write_text(f"# few\n\n{FEW}", "utf-8")
    (tmp_path / "expansion" / "patterns.txt").write_text("pay | electricity bills | 交{fee}\n", "utf-8")
    (tmp_path / "expansion" / "fee.txt").write_text("electricity = 电费 | 电钱\nbills = 汇票\n", "utf-8")
    (tmp_path / "expansion" / "words.txt").write_text("water = 水表\n", "utf-8")
    return tmp_path


def test_the_shipped_artefact_was_trained_on_the_shipped_lines() -> None:
    """After any change of a line: ``python -m bot.dialogue.training``."""
    assert model.shipped().digest == examples.digest()


def test_there_are_thousands_of_lines_of_every_act_and_scene() -> None:
    lines = examples.written()
    acts = Counter(line.act for line in lines)
    scenes = Counter(line.scene for line in lines)

    assert len({line.text for line in lines}) == len(lines) > 6_000
    assert min(acts[act] for act in Act) >= 100
    assert min(scenes[scene] for scene in SCENES) >= 130
    assert acts[Act.OOS] >= 900


def test_no_line_says_two_things() -> None:
    meanings: dict[str, set[tuple[Act | None, str | None]]] = {}
    for line in examples.written():
        meanings.setdefault(line.text.casefold(), set()).add((line.act, line.scene))

    assert {text: meant for text, meant in meanings.items() if len(meant) > 1} == {}


def test_what_is_about_the_conversation_names_no_scene() -> None:
    assert all(line.scene is None for line in examples.written() if line.act in SCENELESS)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("pay electricity 交电费", "few.txt:1: write act"),
        ("pay | electricity | ", "few.txt:1: write act"),
        ("give | electricity | 交电费", "no act is called give"),
        ("pay | magic | 交电费", "no scene is called magic"),
        ("greet | electricity | 你好", "greet is about no scene"),
    ],
)
def test_a_bad_line_is_refused_with_its_place(folder: Path, line: str, why: str) -> None:
    (folder / "few.txt").write_text(line, "utf-8")

    with pytest.raises(BadLine, match=why):
        examples.written(folder)


def test_a_pattern_that_names_no_list_is_refused(folder: Path) -> None:
    (folder / "expansion" / "patterns.txt").write_text("pay | * | 交{nothing}\n", "utf-8")

    with pytest.raises(BadLine, match=r"patterns\.txt:1"):
        examples.expanded(1, folder)


def test_expansions_are_the_same_for_a_seed_and_apply_where_nothing_is_paid(folder: Path) -> None:
    made = examples.expanded(1, folder)

    assert made == examples.expanded(1, folder)
    assert Example(Act.PAY, "electricity", "交电钱") in made
    assert Example(Act.APPLY, "bills", "交汇票") in made
    assert examples.alone(folder) == [Example(None, "water", "水表")]


def test_the_digest_tells_any_change(folder: Path) -> None:
    before = examples.digest(folder)
    (folder / "expansion" / "fee.txt").write_text("electricity = 电费\n", "utf-8")
    between = examples.digest(folder)
    (folder / "few.txt").write_bytes((folder / "few.txt").read_bytes().replace(b"\n", b"\r\n"))

    assert before != between == examples.digest(folder)


def test_like_lines_fall_into_one_group() -> None:
    groups = examples.clusters(["我要交电费了", "我要交电费", "今天天气怎么样", "今天天气怎样"])

    assert groups[0] == groups[1] != groups[2] == groups[3]


def test_no_group_is_on_both_sides_of_a_split(folder: Path) -> None:
    lines = examples.written(folder) * 3
    parts = [training.kept_apart(lines, part) for part in range(training.PARTS)]

    for place in range(len(lines)):
        assert sum(part[place] for part in parts) == 1
        assert all(part[place] == part[place % (len(lines) // 3)] for part in parts)


def test_training_learns_what_it_is_shown_and_the_same_for_a_seed(folder: Path) -> None:
    reader = Reader()
    lines = examples.written(folder)
    learnt = [
        training.Weighed(each, reader.features(reader.simple(each.text)), 1.0) for each in lines for _ in range(10)
    ]

    trained = training.train(learnt, "few", seed=3)
    again = training.train(learnt, "few", seed=3)

    assert (trained.weights == again.weights).all()
    for each in lines:
        guess = trained.guess(reader.features(reader.simple(each.text)))
        assert model.ACTS[int(guess.acts.argmax())] is each.act
        if each.scene:
            assert model.SCENE_PLACES[int(guess.scenes.argmax())] == each.scene


def test_a_word_by_itself_teaches_its_scene_and_no_act() -> None:
    reader = Reader()
    learnt = [training.Weighed(Example(None, "water", "水表"), reader.features("水表"), 1.0) for _ in range(10)]

    guess = training.train(learnt, "", seed=3).guess(reader.features("水表"))

    assert model.SCENE_PLACES[int(guess.scenes.argmax())] == "water"
    assert guess.acts.max() == pytest.approx(guess.acts.min(), abs=1e-6)


def test_half_of_the_lines_are_learnt_with_a_slip_and_half_by_their_sound() -> None:
    lines = [Example(Act.PAY, "electricity", text) for text in ("我来交电费", "我去交电费", "你来交电费", "你去交电费")]

    copies = training.weighed(lines, seed=3)[-len(lines) :]

    assert [each.example for each in copies] == lines
    assert [all(name.startswith("~") for name in each.named) for each in copies] == [True, False, True, False]


def test_a_slip_changes_one_place_and_is_the_same_for_a_seed() -> None:
    for seed in range(30):
        changed = training.misspelt("我要交电费", random.Random(seed))

        assert changed == training.misspelt("我要交电费", random.Random(seed)) != "我要交电费"
        assert len(changed) in (4, 5)


def test_calibration_cools_what_was_too_sure() -> None:
    """Half of the answers given with 99 % are wrong: the temperature rises until they say about as much."""
    sure = model.shipped().guess([]).acts * 0 + 0.01 / (len(model.ACTS) - 1)
    sure[model.ACTS.index(Act.PAY)] = 0.99
    scenes = model.shipped().guess([]).scenes
    apart = [
        training.Apart(Example(act, "electricity", ""), sure, scenes) for act in (Act.PAY, Act.QUERY) for _ in range(20)
    ]

    assert training.calibrated(model.shipped(), apart).temperatures[0] > 1.5
