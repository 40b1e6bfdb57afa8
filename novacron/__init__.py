"""NovaCron: verifiable compute. Prove what was trained, promoted and released, on any EVM chain."""

__version__ = "0.1.0"
