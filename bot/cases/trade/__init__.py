"""The money-less books of corporate customers: notes, receivables and what is financed on them."""
