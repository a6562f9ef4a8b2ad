"""Keys, teams and budgets as plain values: what a budget is, which window an instant falls in, who holds which key."""
