"""`spendstream reprice`: calls that were costed at wrong prices, or at none, are costed again and corrected."""
