"""Tests of the till: machines with keys, cashiers with PINs."""
