"""Readers and generators of site records: the one door for names, units, clocks and missing values."""
