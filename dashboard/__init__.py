"""The reading side: a Dash application over the warehouse's queries."""
