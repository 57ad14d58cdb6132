"""The payment rooms on both engines, with a gateway and a biller that answer as a test tells them."""
