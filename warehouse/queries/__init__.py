"""Questions to the warehouse: frozen values with `to_sql`, one file a subject. No value is ever formatted into the SQL."""
