"""Several processes of one training: what they agree on, and how they share the probes."""
