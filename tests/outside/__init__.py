"""Tests of bot/outside."""
