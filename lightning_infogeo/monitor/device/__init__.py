"""What runs beside the model, on its device, and reads nothing back."""
