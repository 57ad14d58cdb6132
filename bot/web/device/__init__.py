"""The till's doors: the API of machines, and the page of a cashier."""
