"""Tests of traces, audit and seals."""
