"""The Converse method: a session of several contexts, messages both ways at once."""

from barkstream_server.converse.session import converse

__all__ = ["converse"]
