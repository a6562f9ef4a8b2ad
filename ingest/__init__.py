"""The vocabulary and the log: events, money, prices, governance, topics and Kafka. Imports nothing of ours."""
