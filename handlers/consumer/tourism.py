"""旅游: tickets by kind and day in somebody's name, held while they are paid, with a code for the gate."""

from bot.dialogue.scene import Scene
from bot.dialogue.shapes.catalogue import CATALOGUE_STEPS

SCENE = Scene(
    key="tourism",
    name="旅游门票",
    shape="catalogue",
    words=("门票", "景区门票"),
    steps=CATALOGUE_STEPS,
)
