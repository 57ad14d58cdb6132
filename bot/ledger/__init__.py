"""The books: which accounts there are, postings between them, balances, and what must always be true."""
