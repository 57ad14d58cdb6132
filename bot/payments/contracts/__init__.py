"""委托代扣: contracts by which customers let bills be deducted, and the deductions: announced, once, within the cap."""
