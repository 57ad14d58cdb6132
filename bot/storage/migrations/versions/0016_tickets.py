"""What customers complained of, with the clock that runs on it and its progress."""

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Nothing yet."""
