"""Compiled scripts."""

import marshal
import os

from anyfpm import patterns
from anyfpm.modules import signature

_LIMIT = 1000  # scripts kept; a site with more of them forgets the oldest
_SYNTAX_TREE = 1024  # PyCF_ONLY_AST


class Script:
    """A compiled script."""

    def __init__(self, path, compile):
        self.path = path
        self.signature = signature(path)  # taken first: a change after it is seen next time
        self.directory = os.path.dirname(path)
        self.import_directory = os.path.dirname(os.path.realpath(path))
        self.code = compile(path)


class Cache:
    def __init__(self):
        self._scripts = {}

    def load(self, path, compile):
        """Return the script at path, which is bytes, and whether compile had to be called for that.

        compile returns the code of the script whose name it is given.
        """
        script = self._scripts.get(path)
        if script is not None and script.signature == signature(path):
            return script, False
        self._scripts.pop(path, None)
        script = Script(os.fsdecode(path), compile)
        if len(self._scripts) >= _LIMIT:
            del self._scripts[next(iter(self._scripts))]
        self._scripts[path] = script
        return script, True


def compiled(path):
    """Return the code of the script at path."""
    return compile(_read(path), path, "exec", dont_inherit=True)


def prepare(path):
    """Return the code of the script at path, and what it has re compile, for recall.

    It is for a process of its own.
    """
    tree = compile(_read(path), path, "exec", _SYNTAX_TREE, dont_inherit=True)
    found = patterns.find(tree)
    return marshal.dumps((compile(tree, path, "exec", dont_inherit=True), found))


def recall(prepared):
    """Return the code that prepare has made, and know what it has re compile."""
    code, found = marshal.loads(prepared)
    patterns.learn(found)
    return code


def _read(path):
    with open(path, "rb") as file:
        return file.read()
