"""Tests of contracts for deduction and of deductions."""
