"""Networks, gates, normalisation, training and checkpoints shared by surrogates and calibrators."""
