"""The words that customers read: templates rendered for pages and messages, in the customer's own script."""
