"""The environment of a request."""

import os
import posix
import time


class Environment:
    """The environment: of the process at its start, and each request's on top."""

    def __init__(self):
        self._base = dict(os.environ._data)
        self._objects = os.environ, os.environb

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
        if len(present) > len(wanted):
            for name in present.keys() - wanted.keys():
                posix.unsetenv(name)
                del present[name]
        if zone != present.get(b"TZ"):
            time.tzset()

    def add(self, variables):
        """Add variables, in a process that serves just one request."""
        present = os.environ._data
        for name, value in variables.items():
            posix.putenv(name, value)
            present[name] = value
