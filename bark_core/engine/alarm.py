"""Wakes a thread that waits for pipes."""

from __future__ import annotations

import os
import threading


class Alarm:
    """Something ``multiprocessing.connection.wait`` can wait for (by its ``fileno``)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_fd, self._write_fd = os.pipe()
        self._ringing = False
        self._closed = False

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._read_fd

    def ring(self) -> None:
        """Wake the waiting thread, now or when it next waits. From any thread, never blocks."""
        with self._lock:
            if not self._ringing and not self._closed:
                self._ringing = True
                os.write(self._write_fd, b"!")

    def clear(self) -> None:
        """Be quiet again."""
        with self._lock:
            if self._ringing:
                self._ringing = False
                os.read(self._read_fd, 1)

    def close(self) -> None:
        """Free both descriptors."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._read_fd)
                os.close(self._write_fd)
