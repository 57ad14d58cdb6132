"""What holds for every scene that is registered: a new one is tested by its line in the pack."""

import dataclasses
from datetime import date

import pytest

from bot.channels.official.menu import default_menu
from bot.demo.sample import ITEMS
from bot.dialogue.acts import SCENES as KNOWN
from bot.dialogue.acts import Act
from bot.dialogue.learned import LearnedRouter
from bot.dialogue.scene import Scene
from bot.dialogue.shapes.amount import AMOUNT_STEPS
from bot.dialogue.shapes.application import APPLICATION_STEPS
from bot.dialogue.shapes.bill import BILL_STEPS
from bot.dialogue.shapes.catalogue import CATALOGUE_STEPS
from bot.dialogue.topics import TOPICS
from handlers import SCENES

SHAPES = {
    "application": APPLICATION_STEPS,
    "bill": BILL_STEPS,
    "amount": AMOUNT_STEPS,
    "catalogue": CATALOGUE_STEPS,
}
ROUTER = LearnedRouter(SCENES, lambda: date(2026, 11, 23))


def test_each_scene_is_registered_once() -> None:
    keys = [scene.key for scene in SCENES]

    assert len(keys) == len(set(keys))
    assert set(keys) <= set(KNOWN), "our own pack keeps to the closed set"


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.key)
def test_a_scene_is_a_frozen_value_of_a_shape(scene: Scene) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        scene.key = "other"  # type: ignore[misc]
    # An odd scene may put steps of its own between, but those of its shape keep their order.
    places = [scene.steps.index(step) for step in SHAPES[scene.shape] if step in scene.steps]

    assert places == sorted(places)
    assert scene.steps[-1] is SHAPES[scene.shape][-1], "the last step prices"


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.key)
def test_a_scene_is_found_by_its_name_its_words_and_its_examples(scene: Scene) -> None:
    for text in (f"交{scene.name}", *(f"交{word}" for word in scene.words)):
        assert ROUTER.understand(text).first.scene == scene.key, text
    for text, act in scene.examples:
        understood = ROUTER.understand(text).first
        assert (understood.scene, understood.act) == (scene.key, Act(act))
        assert understood.confidence == 1.0


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.key)
def test_a_scene_is_called_as_in_the_table(scene: Scene) -> None:
    """A customer who is told that it is not open elsewhere hears the same name."""
    assert scene.name == TOPICS[scene.key].name


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.key)
def test_a_scene_can_be_tried_in_the_demonstration(scene: Scene) -> None:
    assert any(item.scene == scene.key for item in ITEMS)


def test_the_default_menu_leads_to_scenes_and_acts_that_exist() -> None:
    keys = [sub["key"] for button in default_menu()["button"] for sub in button.get("sub_button", [button])]

    for key in keys:
        verb, _, rest = key.partition(":")
        assert rest in ({scene.key for scene in SCENES} if verb in ("pay", "query") else set(Act)), key
