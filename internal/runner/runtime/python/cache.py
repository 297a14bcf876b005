"""Compiled scripts."""

import os

from anyfpm.modules import signature

_LIMIT = 1000  # scripts kept; a site with more of them forgets the oldest


class Script:
    """A compiled script."""

    def __init__(self, path):
        self.path = path
        self.signature = signature(path)  # taken first: a change after it is seen next time
        with open(path, "rb") as file:
            source = file.read()
        self.directory = os.path.dirname(path)
        self.import_directory = os.path.dirname(os.path.realpath(path))
        self.code = compile(source, path, "exec", dont_inherit=True)


class Cache:
    def __init__(self):
        self._scripts = {}

    def load(self, path):
        """Return the script at path, which is bytes, and whether it had to be compiled for that."""
        script = self._scripts.get(path)
        if script is not None and script.signature == signature(path):
            return script, False
        self._scripts.pop(path, None)
        script = Script(os.fsdecode(path))
        if len(self._scripts) >= _LIMIT:
            del self._scripts[next(iter(self._scripts))]
        self._scripts[path] = script
        return script, True
