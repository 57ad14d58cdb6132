"""Random histories of orders, payments, faults and crashes at every gateway, whose books must balance at the end."""
