"""Balances and what they mean for a budget: pure folds, without Kafka, Faust or a clock of their own."""
