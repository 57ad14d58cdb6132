"""The held-out lines are what they claim to be: labels of the closed sets, no line twice, every act and scene."""

from collections import Counter
from datetime import date
from pathlib import Path

from bot.dialogue.acts import SCENELESS, SCENES, Act
from bot.dialogue.slots import SlotReader
from handlers import SCENES as REGISTERED

TODAY = date(2026, 11, 23)
FOLDER = Path(__file__).parent / "held_out"
ROUTER_LINES = Path(__file__).parent / "router_lines.txt"
LINES_MIN = 1_500
OUT_OF_SCOPE_MIN = 350
SCENE_MIN = 30
ACT_MIN = 18
READER = SlotReader(word for scene in REGISTERED for word in scene.account_words)


def held_out() -> list[tuple[str, str, str, str]]:
    found = []
    for file in sorted(FOLDER.glob("*.txt")):
        for line in file.read_text("utf-8").splitlines():
            if line.strip() and not line.startswith("#"):
                act, scene, text, slots = (part.strip() for part in line.split("|"))
                found.append((act, scene, text, slots))
    return found


def test_labels_are_of_the_closed_sets() -> None:
    for act, scene, text, _ in held_out():
        assert act in set(Act), text
        assert scene == "-" or scene in SCENES, text
        assert scene == "-" or act not in SCENELESS, text


def test_there_are_enough_of_every_kind_and_none_twice() -> None:
    lines = held_out()
    acts = Counter(act for act, _, _, _ in lines)
    scenes = Counter(scene for _, scene, _, _ in lines)

    assert len(lines) >= LINES_MIN
    assert len({text for _, _, text, _ in lines}) == len(lines)
    assert acts[Act.OOS] >= OUT_OF_SCOPE_MIN
    assert {act for act in Act if acts[act] < ACT_MIN} == set()
    assert {scene for scene in SCENES if scenes[scene] < SCENE_MIN} == set()


def test_none_is_a_line_of_the_routers_own_table() -> None:
    known = {line.split("|")[2].strip() for line in ROUTER_LINES.read_text("utf-8").splitlines() if line.count("|") > 1}

    assert [text for _, _, text, _ in held_out() if text in known] == []


def test_slots_are_read_as_they_are_labelled() -> None:
    wrong = []
    for act, _, text, labelled in held_out():
        wanted = dict(pair.split("=") for pair in labelled.split())
        found = {name: str(value) for name, value in READER.read(text, TODAY).items()}
        if act != Act.OOS and found != wanted:
            wrong.append((text, wanted, found))

    assert wrong == []
