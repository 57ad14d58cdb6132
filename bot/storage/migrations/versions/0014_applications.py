"""Applications with their documents, and what industry customers keep: bills, receivables, financing."""

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Nothing yet."""
