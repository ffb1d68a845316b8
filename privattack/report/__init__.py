"""What a run leaves behind: result files, the console table, TensorBoard. Sees results only."""
