"""Tests of the UnionPay gateway."""
