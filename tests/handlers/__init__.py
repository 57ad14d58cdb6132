"""Tests that every scene of the pack passes by being registered."""
