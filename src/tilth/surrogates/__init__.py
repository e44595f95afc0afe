"""Networks trained on a store of model runs and queried as land models."""
