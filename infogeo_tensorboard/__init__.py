"""The tab "Information geometry" of TensorBoard; imports neither torch nor lightning."""
