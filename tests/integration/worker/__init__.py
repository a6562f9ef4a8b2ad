"""The worker on a real Kafka, as a real process."""
