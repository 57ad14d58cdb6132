"""The ledger on both engines: accounts, journals, balances and the checks that guard them."""
