"""atexit for scripts: what a script registers runs at the end of its request.

What libraries register, from their own code, is for the end of the process.
"""

import atexit
import sys

from anyfpm.report import report_ignored

_register = atexit.register
_unregister = atexit.unregister


class ExitCallbacks:
    def __init__(self):
        self._namespace = None
        self._callbacks = []
        atexit.register = self._catch
        atexit.unregister = self._forget

    def begin(self, namespace):
        """Catch the callbacks registered by code of this namespace."""
        self._namespace = namespace

    def run(self):
        """Call what was registered, the last one first, whatever one of them raises."""
        while self._callbacks:
            function, args, kwargs = self._callbacks.pop()
            try:
                function(*args, **kwargs)
            except BaseException as error:
                report_ignored("atexit callback", function, error)

    def _catch(self, function, *args, **kwargs):
        if sys._getframe(1).f_globals is not self._namespace:
            return _register(function, *args, **kwargs)
        self._callbacks.append((function, args, kwargs))
        return function

    def _forget(self, function):
        self._callbacks = [entry for entry in self._callbacks if entry[0] != function]
        _unregister(function)
