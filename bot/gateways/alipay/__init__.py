"""Alipay's open platform: payments in four ways, refunds, bills, shares, contracts and the wallet's sign-in."""
