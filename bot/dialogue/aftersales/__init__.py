"""What comes after a payment: finding the order that is meant, checking the facts, mending what can be, tickets."""
