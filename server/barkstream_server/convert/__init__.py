"""Protobuf messages to and from the engine's plain data. No I/O, no waiting."""
