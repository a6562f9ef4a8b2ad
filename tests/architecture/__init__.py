"""The house's rules as tests: sizes, layout, settings, hygiene, documentation."""
