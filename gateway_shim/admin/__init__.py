"""The admin API: teams, keys and budgets as events on `governance`, answered from the gateway's own fold."""
