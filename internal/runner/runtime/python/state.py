"""What a request may change in its process, and how it is put back."""

import _thread
import fcntl
import gc
import os
import posix
import signal
import sys
from _signal import SIG_SETMASK, getsignal, pthread_sigmask, setitimer

_SIGNALS = range(1, 32)
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_HOOKS = ("argv", "displayhook", "excepthook", "path", "unraisablehook")


class State:
    """A snapshot of the process as it should be between two requests."""

    def __init__(self):
        self._stdio = [_duplicate(fd) for fd in (0, 1, 2)]
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        self._handlers = list(map(getsignal, _SIGNALS))
        self._recursion = sys.getrecursionlimit()
        self._hooks = [(name, getattr(sys, name)) for name in _HOOKS]
        self._path = sys.path[:]
        self._threads = _thread._count()

    def threads(self):
        """Tell whether there are more threads than there were."""
        return _thread._count() > self._threads

    def restore(self):
        """Put everything back but the environment and the working directory."""
        for timer in _TIMERS:
            setitimer(timer, 0)
        if list(map(getsignal, _SIGNALS)) != self._handlers:
            self._restore_handlers()
        pthread_sigmask(SIG_SETMASK, ())
        for fd, saved in enumerate(self._stdio):
            posix.dup2(saved, fd)
        posix.umask(self._umask)
        for name, value in self._hooks:
            setattr(sys, name, value)
        sys.path[:] = self._path
        sys.settrace(None)
        sys.setprofile(None)
        gc.enable()
        if sys.getrecursionlimit() != self._recursion:
            sys.setrecursionlimit(self._recursion)

    def _restore_handlers(self):
        for number, handler in zip(_SIGNALS, self._handlers):
            if handler is not None and getsignal(number) is not handler:
                signal.signal(number, handler)


def children():
    """Reap what has ended; tell whether a child is still alive."""
    try:
        while True:
            pid, _ = posix.waitpid(-1, posix.WNOHANG)
            if pid == 0:
                return True
    except ChildProcessError:
        return False


def _duplicate(fd):
    """Return a copy of fd above those that programs use, closed by exec."""
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100)
    except OSError:  # the limit of descriptors is lower
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
