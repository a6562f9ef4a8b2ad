"""Balances of budgets: pure arithmetic over charges."""
