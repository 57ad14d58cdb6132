"""Orders, charges, credit, refunds: the core that moves money, and the ports that gateways and wallets implement."""
