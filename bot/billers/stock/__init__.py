"""The stock of what can run out: offers, holds that last as long as a quote, and vouchers for what was sold."""
