"""UnionPay's open interface 5.1.0 for a directly connected merchant: QR both ways, in-wallet pages, refunds, files."""
