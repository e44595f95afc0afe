"""Observation operators, error models, splits and masks, shared by learning and judging."""
