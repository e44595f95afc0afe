"""Judging simulations: metrics, means, scores, intervals, closure, benchmarks, and the files they go to."""
