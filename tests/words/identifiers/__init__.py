"""Identifiers: official examples, rules that properties prove, and what is said of wrong ones."""
