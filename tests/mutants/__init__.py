"""Patches that each remove one defence; run.py proves that the test named in a patch notices."""
