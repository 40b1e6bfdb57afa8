"""Models: sealed storage, the client of ModelRegistry, similarity search, evaluation and exports."""
