"""What happened: one past-tense fact a class, one file a topic. `ingest.codec` writes them as CloudEvents."""
