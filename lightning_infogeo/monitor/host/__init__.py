"""What is done with records that have left the device."""
