"""Tests that each stand for one thing that went wrong, here or in a codebase that we learnt from."""
