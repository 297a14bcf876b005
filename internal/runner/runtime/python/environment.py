"""The environment of a request."""

import os
import posix
import time


_MAX_KEPT = 16 << 20  # bytes
_MAX_RECENT = 1000


class Environment:
    """The environment: of the process at its start, and each request's on top."""

    def __init__(self):
        self._base = dict(os.environ._data)
        self._objects = os.environ, os.environb
        self._kept = 0
        self._recent = set()  # hashes of what is known to be counted in _kept

    def set(self, variables):
        """Make the environment that of the start and variables, a dict of bytes."""
        os.environ, os.environb = self._objects
        # One dict is behind both objects. What C code and child processes see
        # is another copy, and writing that is what costs time.
        present = os.environ._data
        wanted = {**self._base, **variables}
        zone = present.get(b"TZ")
        for name, value in wanted.items():
            if present.get(name) != value:
                posix.putenv(name, value)
                present[name] = value
                self._note((name, value))
        if len(present) > len(wanted):
            for name in present.keys() - wanted.keys():
                posix.unsetenv(name)
                del present[name]
        if zone != present.get(b"TZ"):
            time.tzset()

    def _note(self, variable):
        key = hash(variable)
        if key not in self._recent:
            self._kept += len(variable[0]) + len(variable[1]) + 64
            if len(self._recent) == _MAX_RECENT:
                self._recent.clear()
            self._recent.add(key)

    def is_full(self):
        """Tell whether it is time for a new process: the C library never frees what a variable was once set to."""
        return self._kept > _MAX_KEPT

    def add(self, variables):
        """Add variables, in a process that serves just one request."""
        present = os.environ._data
        for name, value in variables.items():
            posix.putenv(name, value)
            present[name] = value
