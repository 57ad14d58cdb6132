"""The history of the schema, one file a step, and the functions that walk it."""

from bot.storage.migrations.runner import check, create_all, current, draft, upgrade

__all__ = ["check", "create_all", "current", "draft", "upgrade"]
