"""What every rule of an item is: a frozen model that refuses words it does not know, and amounts in fen."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bot.kernel.money import MAX_FEN

Fen = Annotated[int, Field(ge=0, le=MAX_FEN, strict=True)]


class Rule(BaseModel):
    """The base of the rules that an item may have besides its amount rule; each lives in a module of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
