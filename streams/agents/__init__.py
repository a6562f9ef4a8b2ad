"""Thin adapters between Faust and the pure steps: one file a step, functions of 25 lines or less, no rules in them."""
