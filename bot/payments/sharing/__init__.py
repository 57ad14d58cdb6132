"""分账: who gets which part of a payment, when it is given, how it comes back, and what a merchant is left with."""
