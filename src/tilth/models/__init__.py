"""Land models of one shape: parameters and sites in, simulated series out."""
