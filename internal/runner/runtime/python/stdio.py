"""A script's stdin, stdout and stderr: Python's files over descriptors 0, 1 and 2."""

import io
import os
import sys

from anyfpm.wire import MAX_TAIL, flush, write_all

_ENCODING = sys.stdout.encoding
_ERRORS = sys.stdout.errors
_UNBUFFERED = getattr(sys.stdout, "write_through", False)  # python -u, or PYTHONUNBUFFERED


class Output(io.RawIOBase):
    """Descriptor 1 with a last piece that can be taken instead of written.

    An explicit flush, or a full buffer, writes to the descriptor. What is
    left at the end of the response travels in the control message.
    """

    name = "<stdout>"
    mode = "wb"

    def __init__(self, response):
        self._response = response  # what descriptor 1 is as long as nobody changes it
        self.begin()

    def begin(self):
        """Be that of a new request."""
        self._tail = None  # a list while the tail is being taken
        self._discard = False

    def fileno(self):
        return 1

    def writable(self):
        return True

    def write(self, data):
        if self._tail is not None:
            self._tail.append(bytes(data))
        elif not self._discard:
            return os.write(1, data)
        return len(data)

    def take(self, flush):
        """Call flush and return what it wrote; what is written later is dropped."""
        tail = self._tail = []
        flush()
        self._tail = None
        tail = b"" if self._discard else b"".join(tail)
        self._discard = True
        if tail and _identity() != self._response:
            _write_elsewhere(tail)
            tail = b""
        if len(tail) > MAX_TAIL:
            write_all(1, tail)
            tail = b""
        return tail


def _identity():
    """Tell what descriptor 1 is; None when it is closed."""
    try:
        status = os.fstat(1)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _write_elsewhere(data):
    """Write to what the script has put in the place of its response."""
    try:
        write_all(1, data)
    except OSError:
        pass


class Streams:
    """The three files in sys.

    Modules and logging handlers that keep them write to the response of each
    request, as they do in a process of its own. So they stay the same objects,
    which are made anew inside.
    """

    def __init__(self):
        self._response = _identity()
        self._output = None
        self._stdin = self._stdin_raw = None
        self._had_body = False
        self._stderr = sys.stderr
        self._stderr_codec = sys.stderr.encoding, sys.stderr.errors

    def open(self, has_body):
        """Put files for a new request in sys."""
        if not _usable(self._output):
            self._output = Output(self._response)
            self._buffer = self._output if _UNBUFFERED else io.BufferedWriter.__new__(io.BufferedWriter)
            self._stdout = io.TextIOWrapper.__new__(io.TextIOWrapper)
        self._output.begin()
        if not _UNBUFFERED:
            self._buffer.__init__(self._output, 65536)
        _make_text(self._stdout, self._buffer, "w", _ENCODING, _ERRORS, write_through=_UNBUFFERED)
        sys.stdout = sys.__stdout__ = self._stdout
        if has_body or self._had_body or not _is(self._stdin, _ENCODING, _ERRORS):
            self._open_stdin()
        self._had_body = has_body
        sys.stdin = sys.__stdin__ = self._stdin
        if not _is(self._stderr, *self._stderr_codec):
            raw = io.FileIO(2, "w", closefd=False)
            raw.name = "<stderr>"
            self._stderr = io.TextIOWrapper.__new__(io.TextIOWrapper)
            _make_text(self._stderr, raw, "w", *self._stderr_codec, write_through=True)
        sys.stderr = sys.__stderr__ = self._stderr

    def _open_stdin(self):
        if not _usable(self._stdin_raw):
            self._stdin_raw = io.FileIO.__new__(io.FileIO)
            self._stdin_buffer = io.BufferedReader.__new__(io.BufferedReader)
            self._stdin = io.TextIOWrapper.__new__(io.TextIOWrapper)
        self._stdin_raw.__init__(0, closefd=False)
        self._stdin_raw.name = "<stdin>"
        self._stdin_buffer.__init__(self._stdin_raw)
        _make_text(self._stdin, self._stdin_buffer, "r", _ENCODING, _ERRORS)

    def tail(self):
        """End the response and return what of it has not been written."""
        return self._output.take(self.flush)

    def flush(self):
        """Write out what the files hold."""
        # The script may have put a file of its own in place of sys.stdout,
        # and may have closed or detached ours.
        for file in (sys.stdout, self._stdout, self._buffer, sys.stderr):
            flush(file)


def _make_text(text, buffer, mode, encoding, errors, **options):
    """Make a text file as the interpreter makes those in sys: line ends stay as they are."""
    text.__init__(buffer, encoding, errors, "\n", **options)
    text.mode = mode


def _is(file, encoding, errors):
    """Tell whether a text file can be used and is as it was made."""
    return _usable(file) and (file.encoding, file.errors) == (encoding, errors)


def _usable(file):
    try:
        return file is not None and not file.closed
    except ValueError:  # detached
        return False
