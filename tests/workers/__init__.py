"""Tests of what works without being asked."""
