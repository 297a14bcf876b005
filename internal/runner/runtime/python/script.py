"""CGI scripts in a resident interpreter."""

import builtins
import gc
import os
import posix
import sys
from types import ModuleType

import anyfpm
from anyfpm import wire, worker
from anyfpm.cache import Cache
from anyfpm.exits import ExitCallbacks
from anyfpm.modules import Modules
from anyfpm.report import report
from anyfpm.state import Environment, State, children
from anyfpm.stdio import Streams

_DRAIN = wire.DRAIN_STDOUT | wire.DRAIN_STDERR  # children of a script write when they like


class Scripts:
    inline = 4096  # what a pipe always holds: a script's stdin is a descriptor

    def __init__(self, settings):
        self._cache = Cache()

    def compile(self, path):
        """Have the script compiled before the fork; what is wrong with it is told to its clients."""
        try:
            self._cache.load(path)
        except (OSError, SyntaxError, ValueError, MemoryError, RecursionError):
            pass

    def attach(self, control, once):
        self._control = control
        self._once = once
        self._pid = os.getpid()
        self._environment = Environment()
        self._exits = ExitCallbacks()
        self._state = State()
        self._modules = Modules()
        anyfpm._finish = self._finish

    def serve(self, kind, content):
        self._finished = False
        self._flags = _DRAIN
        if kind != wire.REQUEST:
            content = self._open_stdin(kind, content)
        self._streams = Streams()
        fields = iter(content.split(b"\0"))
        main = sys.modules["__main__"] = ModuleType("__main__")
        self._exits.begin(main.__dict__)
        status = self._guard(self._run, main, fields)
        if posix.getpid() != self._pid or self._once or self._state.threads():
            self._leave(main, status)
        self._guard(self._exits.run)
        main.__dict__.clear()  # closes what the script left open, as an exit would
        self._modules.leave()
        tail = self._streams.tail()
        self._state.restore()
        if children():
            self._flags |= wire.RETIRE
        self._control.end(self._flags, status, tail)

    def _run(self, main, fields):
        path = os.fsdecode(next(fields))
        arguments = [os.fsdecode(next(fields)) for _ in range(int(next(fields)))]
        self._environment.set(dict(zip(fields, fields)))
        script, compiled = self._cache.load(path)
        if compiled:
            self._flags |= wire.COMPILED
        posix.chdir(script.directory)
        sys.argv = [path, *arguments]
        sys.path.insert(0, script.import_directory)
        self._modules.enter(script.import_directory)
        main.__file__ = path
        main.__builtins__ = builtins
        exec(script.code, main.__dict__)

    def _guard(self, function, *args):
        """Call function as an interpreter does with its program: return an exit status."""
        try:
            function(*args)
            return 0
        except SystemExit as exit:
            if exit.code is None or isinstance(exit.code, int):
                return (exit.code or 0) & 0xFF
            print(exit.code, file=sys.stderr)
            return 1
        except BaseException as error:
            self._flags |= wire.FAILED
            report(error)
            return 1

    def _leave(self, main, status):
        """End the process: one that serves once, has threads left, or is a fork by the script."""
        if "threading" in sys.modules:
            self._guard(sys.modules["threading"]._shutdown)
        self._guard(self._exits.run)
        import atexit

        self._guard(atexit._run_exitfuncs)
        main.__dict__.clear()
        self._modules.clear()
        gc.collect()
        if posix.getpid() == self._pid:
            self._control.end(self._flags | wire.RETIRE, status, self._streams.tail())
            os._exit(0)
        self._streams.flush()
        os._exit(status)

    def _finish(self):
        if self._finished or posix.getpid() != self._pid:
            return False
        self._finished = True
        self._control.finish(_DRAIN, self._streams.tail())
        return True

    def _open_stdin(self, kind, content):
        """Put the request's body on descriptor 0 and return the rest of the message."""
        if kind == wire.REQUEST_DESCRIPTOR:
            stdin = self._control.descriptors.pop()
        else:
            size = 4 + int.from_bytes(content[:4], "big")
            stdin, end = os.pipe()
            os.write(end, content[size:])
            os.close(end)
            content = content[4:size]
        posix.dup2(stdin, 0)
        os.close(stdin)
        return content


worker.run(Scripts)
