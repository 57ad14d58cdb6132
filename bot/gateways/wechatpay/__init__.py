"""WeChat Pay APIv3, for a merchant or a service provider: payments, scanned codes, bills, shares and contracts."""
