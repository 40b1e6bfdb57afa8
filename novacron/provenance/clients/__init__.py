"""Blockchain clients: embedded, web3, and the durable outbox between them."""
