"""Rigs that hurt the running system and then count the money."""
