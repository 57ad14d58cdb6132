"""Things that can be sold out: their stock, what is held of it, and what was sold."""

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Nothing yet."""
