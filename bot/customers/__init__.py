"""Who the customers are, by which names channels know them, and what they asked us to remember."""
