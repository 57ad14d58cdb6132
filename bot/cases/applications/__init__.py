"""Applications (申请): what is asked of a bank or an office without a payment, from its draft to its end."""
