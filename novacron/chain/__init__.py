"""One way to a chain: endpoints, fees, nonces, signers, transactions, contract handles."""
