"""Batches as rows: claimed, and made anew for whoever has to wait."""

BATCH_SIZE = 5_000
