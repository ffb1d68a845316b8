"""Between Hydra and the experiment. Imports nothing slow: `--help` and a mistyped setting are answered at once."""
