"""Simulated LLM providers, live traffic and a past: what `make demo` and the end-to-end tests run on.

Nothing here is a real model or a real customer. Every answer carries `x-simulated: true`, every generated call the tag
`"simulated": "true"`. The providers' formats are those of OpenAI, Anthropic, Mistral and Gemini, so that their official
SDKs read the answers, and the server keeps its own count of what it served (`GET /_served`) to reconcile against.
"""
