"""From a transaction's trace to named storage writes, events, roles and transfers."""
