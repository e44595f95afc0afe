"""The stages of a run and whole experiments, as functions: settings in, a folder of results out."""
