"""Tests of the words: values stay harmless, every message exists, every page can be read."""
