"""What a token costs: rates of a model at an instant (`rates`), arithmetic (`bill`), and where prices come from (`book`)."""
