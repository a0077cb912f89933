"""Bound the QPs of all codecs."""

QPS = range(-64, 256)  # those that a dataset file can hold
