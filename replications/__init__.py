"""The papers' headline experiments, made again with this library: one command each, as docs/replications.md says."""
