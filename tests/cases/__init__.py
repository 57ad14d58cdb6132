"""Tests of cases and the desk."""
