"""What running a CGI script takes, whichever way it is isolated."""

import atexit
import builtins
import gc
import io
import os
import posix
import sys
from types import ModuleType

import anyfpm
from anyfpm import cache, pages, wire
from anyfpm.environment import Environment
from anyfpm.report import report
from anyfpm.wire import flush

# What a script's children write does not pass through this process.
DRAIN = wire.DRAIN_STDOUT | wire.DRAIN_STDERR

_WRITERS = frozenset((io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom))


class Scripts:
    """The common part of Once and Persistent, which add set_environment, serve and tail."""

    inline = 4096  # what a pipe always holds: a script's stdin is a descriptor

    def __init__(self, control):
        self.control = control
        self.cache = cache.Cache()
        self.environment = Environment()
        anyfpm._finish = self.finish

    def compile(self, path):
        """Have a script compiled; what is wrong with it is told to its clients."""
        try:
            self.cache.load(path, lambda name: cache.recall(pages.elsewhere(cache.prepare, name)))
        except (OSError, EOFError, ValueError, TypeError):
            pass  # there is nothing, or only a part of it if the process was killed

    def attach(self):
        """Get ready in the process that serves."""
        self.pid = posix.getpid()

    def begin(self, kind, content):
        """Put the body on descriptor 0; return the strings of the message."""
        self.finished = False
        self.flags = DRAIN
        if kind == wire.REQUEST_DESCRIPTOR:
            stdin = self.control.descriptors.pop()
        elif kind == wire.REQUEST_BODY:
            size = 4 + int.from_bytes(content[:4], "big")
            stdin, end = os.pipe()
            os.write(end, content[size:])
            os.close(end)
            content = content[4:size]
        else:
            return iter(content.split(b"\0"))
        posix.dup2(stdin, 0)
        os.close(stdin)
        return iter(content.split(b"\0"))

    def load(self, fields):
        """Set the process up for the script that the message names, and return it."""
        path = next(fields)
        arguments = [os.fsdecode(next(fields)) for _ in range(int(next(fields)))]
        self.set_environment(dict(zip(fields, fields)))
        script, compiled = self.cache.load(path, cache.compiled)
        if compiled:
            self.flags |= wire.COMPILED
        posix.chdir(script.directory)
        sys.argv = [script.path, *arguments]
        sys.path.insert(0, script.import_directory)
        return script

    def guard(self, function, *args):
        """Call function as the interpreter does with its program: return an exit status."""
        try:
            function(*args)
            return 0
        except SystemExit as exit:
            if exit.code is None or isinstance(exit.code, int):
                code = exit.code or 0
                return code & 0xFF if -1 << 63 <= code < 1 << 63 else 255
            tell(exit.code)
            return 1
        except BaseException as error:
            self.flags |= wire.FAILED
            report(error)
            return 130 if isinstance(error, KeyboardInterrupt) else 1  # 128 + SIGINT

    def finish(self):
        """End the response, for anyfpm.finish_request."""
        if self.finished or posix.getpid() != self.pid:
            return False
        self.finished = True
        tail = self.tail()
        try:
            nowhere = os.open("/dev/null", os.O_WRONLY)
        except OSError:
            nowhere = os.dup(2)  # in a chroot
        os.dup2(nowhere, 1)
        os.close(nowhere)
        self.control.finish(DRAIN, tail)
        return True

    def end(self, status, tail):
        """End the request."""
        try:
            self.control.end(self.flags, status, tail)
        except OSError:  # the script has closed the socket, or the supervisor is gone
            try:
                wire.write_all(1, tail)
            finally:
                os._exit(status)

    def leave(self, main, status, callbacks=()):
        """End the process as the interpreter does, except for freeing memory.

        It may be a child that the script has forked, which has no END to send.
        """
        if "threading" in sys.modules:
            self.guard(sys.modules["threading"]._shutdown)
        for callback in (*callbacks, atexit._run_exitfuncs):
            self.guard(callback)
        main.__dict__.clear()  # closes what the script left open
        gc.collect()
        for thing in gc.get_objects():  # without those from before the fork
            if type(thing) in _WRITERS:
                flush(thing)
        tail = self.tail()
        if posix.getpid() != self.pid:
            wire.write_all(1, tail)
            os._exit(status)
        self.flags |= wire.RETIRE
        self.end(status, tail)
        os._exit(0)


def tell(message):
    """Print what sys.exit was given, if that is possible."""
    try:
        message = str(message)
    except Exception:
        message = ""
    try:
        if sys.stderr is None:  # which print takes for sys.stdout
            os.write(2, b"%s\n" % message.encode("utf-8", "backslashreplace"))
        else:
            print(message, file=sys.stderr)
    except Exception:
        pass  # stderr is closed


def new_main():
    """Put a new, empty __main__ in its place and return it."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__builtins__ = builtins
    return main
