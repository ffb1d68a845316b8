"""What is said between a model API and its clients, byte for byte: used by the server and by the client alike."""
