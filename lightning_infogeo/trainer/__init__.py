"""What is known of Lightning's trainer: where training stands, its steps, its identity, and its child processes."""
