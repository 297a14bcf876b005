"""Modules that lie beside a script.

Scripts in different directories may each have a module of the same name, and
their files change while the worker lives. So those modules are in sys.modules
only while a script of their directory runs, and are forgotten when one of
their files has changed. All other modules stay, as in any Python process.
"""

import os
import sys


class Modules:
    def __init__(self):
        self._directory = ""
        self._known = set(sys.modules)
        self._local = {}  # directory: {module's name: (module, file, signature)}

    def enter(self, directory):
        """Show the modules of directory."""
        # A relative entry of sys.path is another directory now.
        for path in [path for path in sys.path_importer_cache if path[:1] != "/"]:
            del sys.path_importer_cache[path]
        local = self._local.get(directory)
        if local and any(signature(file) != was for _, file, was in local.values()):
            if directory == self._directory:
                self._hide(local)
            del self._local[directory]
            local = None
        if directory != self._directory:
            self._hide(self._local.get(self._directory, ()))
            sys.modules.update((name, entry[0]) for name, entry in (local or {}).items())
            self._directory = directory

    def leave(self):
        """Note which modules the script has imported from its directory."""
        if len(sys.modules) == len(self._known):
            return
        prefix = os.path.join(self._directory, "")
        local = self._local.setdefault(self._directory, {})
        for name in sys.modules.keys() - self._known:
            module = sys.modules[name]
            file = getattr(module, "__file__", None)
            if isinstance(file, str):
                if file.startswith(prefix):
                    local[name] = (module, file, signature(file))
            elif any(path.startswith(prefix) for path in _namespace(module)):
                local[name] = (module, "", None)  # it has no file that could change
        self._known = set(sys.modules)

    def _hide(self, local):
        for name in local:
            sys.modules.pop(name, None)
        self._known = set(sys.modules)


def _namespace(module):
    """Return the directories of a package without __init__.py, which holds its modules as attributes."""
    path = getattr(module, "__path__", None)
    return list(path) if type(path).__name__ == "_NamespacePath" else []


def signature(file):
    """What changes when a file does; None when it is gone."""
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
