"""Compares the books with what the gateways and the bank say of a day, until every fen is explained."""
