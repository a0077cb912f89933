"""Encode pictures as HEVC intra streams: what is tried for a block, and what it costs in real bits."""
