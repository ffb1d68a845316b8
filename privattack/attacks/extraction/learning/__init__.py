"""Ways to learn from answers that a defence distorted: one file each. Any extraction attack may take any of them."""
