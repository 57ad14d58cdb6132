"""Nicknames and groups of saved accounts, reminders, and what a customer wants to be told."""

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Nothing yet."""
