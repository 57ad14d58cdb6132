"""Tests of the payment gateways; each folder has a rig by which the contract tests drive its gateway."""
