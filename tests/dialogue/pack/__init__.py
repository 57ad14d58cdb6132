"""A pack of scenes as a bank would add its own: one file beside this one, and one line here."""

from tests.dialogue.pack.library import SCENE as LIBRARY

SCENES = (LIBRARY,)
