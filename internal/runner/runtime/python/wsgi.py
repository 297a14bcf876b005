"""A WSGI application (PEP 3333) in a resident interpreter."""

import fcntl
import io
import os
import sys

import anyfpm
from anyfpm import application, wire, worker
from anyfpm.filewrapper import FileWrapper
from anyfpm.report import report
from anyfpm.response import Response


class Errors(io.RawIOBase):
    """Descriptor 2, which remembers that something was written to it."""

    written = False

    def fileno(self):
        return 2

    def writable(self):
        return True

    def write(self, data):
        self.written = True
        return os.write(2, data)


class Application:
    inline = 65536

    def __init__(self, settings, control):
        self._settings = settings
        self._control = control
        self._response = None
        self._is_child = False

    def compile(self, path):
        """There are no scripts to compile."""

    def _protect_stdout(self):
        # Descriptor 1 is the response. What the application prints, or a child
        # of it, must not get into it: that goes to stderr.
        self.stdout = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3)
        os.dup2(2, 1)
        try:
            sys.stdout.reconfigure(line_buffering=True)
        except (AttributeError, OSError, ValueError):
            pass  # a preloaded module has replaced it

    def attach(self):
        self._protect_stdout()
        self._errors = Errors()  # before the application's loggers take sys.stderr
        sys.stderr = io.TextIOWrapper(self._errors, "utf-8", "backslashreplace", "\n", write_through=True)
        # A zygote has the modules of runner.preload[] only: what an application
        # opens when it is imported, such as a connection to a database, is not
        # to be shared by the workers.
        self._application = application.load(self._settings)
        os.register_at_fork(after_in_child=self._become_child)
        wire.flush(sys.stdout)
        self._environ = {
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "wsgi.file_wrapper": FileWrapper,
        }

    def serve(self, kind, content):
        if kind == wire.REQUEST:
            stdin = io.BytesIO()
        elif kind == wire.REQUEST_BODY:
            size = 4 + int.from_bytes(content[:4], "big")
            stdin = io.BytesIO(content[size:])
            content = content[4:size]
        else:
            stdin = os.fdopen(self._control.descriptors.pop(), "rb")
        environ = self._make_environ(content)
        environ["wsgi.input"] = stdin
        response = self._response = Response(self, environ.get("REQUEST_METHOD") == "HEAD")
        anyfpm._finish = response.finish
        try:
            response.run(self._application, environ)
        except BaseException as error:
            if self._is_child and isinstance(error, SystemExit):
                raise
            report(error)
            self.end(wire.FAILED | wire.DRAIN_STDOUT, 1)
        try:
            stdin.close()
        except (BufferError, ValueError):
            pass  # the application still looks at it, or has detached it

    def _become_child(self):
        """Have nothing to do with the response, in a process that the application has forked."""
        self._is_child = True
        if self._response:
            self._response.abandon()

    def end(self, flags, status, tail=b""):
        """End the request that is being served."""
        if self._is_child:
            sys.exit(status)
        self._response.abandon()  # a thread that still writes must not write to the next
        if self._errors.written:
            self._errors.written = False
            flags |= wire.DRAIN_STDERR
        self._control.end(flags, status, tail)

    def finish(self, flags, tail):
        """End the response to it; the application works on."""
        self._control.finish(flags, tail)

    def _make_environ(self, content):
        fields = iter(content.decode("latin-1").split("\0"))
        next(fields)  # the script, which is for workers that run scripts
        for _ in range(int(next(fields))):
            next(fields)
        environ = dict(zip(fields, fields))
        if "PATH_INFO" not in environ:
            # Web servers that do not split the path send all of it as the
            # script's name; the script is the application, at the root.
            environ["PATH_INFO"] = environ.get("SCRIPT_NAME", "")
            environ["SCRIPT_NAME"] = ""
        environ["wsgi.url_scheme"] = "https" if environ.get("HTTPS") in ("on", "1") else "http"
        environ.update(self._environ)
        return environ


worker.run(Application)
