"""A bank's own cashier (掌银, 网银) behind a signed JSON protocol that docs/bankapp.md describes."""
