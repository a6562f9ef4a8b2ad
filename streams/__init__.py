"""Stream processors: price every call, keep every budget, load the warehouse. A Faust app over pure functions."""
