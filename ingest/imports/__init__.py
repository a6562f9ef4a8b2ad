"""Past calls from a CSV or JSONL file onto `llm.calls`, as often as one likes and never twice.

`files` reads rows, `columns` says which header is which field, `rows` makes a call of a row (`values` reads the cells),
`identity` names the call, `run` publishes, `command` is the command line.
"""
