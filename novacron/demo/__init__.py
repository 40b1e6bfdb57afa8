"""`make demo`: a real model trains while every checkpoint is hashed, logged, anchored and proven."""
