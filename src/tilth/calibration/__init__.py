"""Calibration methods: a problem in, a rule from sites to parameters out."""
