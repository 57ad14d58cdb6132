"""Tests of the bank cashier gateway."""
