"""Billers, hosted and remote, under one contract; and how bills come in."""
