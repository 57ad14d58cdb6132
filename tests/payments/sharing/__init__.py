"""Tests of shares, returns and settlements."""
