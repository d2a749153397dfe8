"""Reading Lightning's trainer: its progress, optimizer steps, identity, strategy and child processes."""
