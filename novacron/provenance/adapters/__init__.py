"""Callbacks for training frameworks; none of them imports a framework that is not installed."""
