"""Providers' invoices and usage exports beside the calls: read a report, match its models, compare day by day."""
