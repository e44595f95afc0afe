"""Designs of parameter sets, runs of a model over them, and the store that keeps the runs."""
