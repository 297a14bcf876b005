"""A script's stdin, stdout and stderr: Python's files over descriptors 0, 1 and 2."""

import io
import os
import sys

from anyfpm.program import flush
from anyfpm.wire import MAX_TAIL, write_all

_ENCODING = sys.stdout.encoding
_ERRORS = sys.stdout.errors


class Output(io.RawIOBase):
    """Descriptor 1 with a last piece that can be taken instead of written.

    An explicit flush, or a full buffer, writes to the descriptor. What is
    left at the end of the response travels in the control message.
    """

    name = "<stdout>"
    mode = "wb"

    def __init__(self, response):
        self._response = response  # what descriptor 1 is as long as nobody changes it
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
    """The three files in sys."""

    def __init__(self):
        self._response = _identity()
        self._stderr = sys.stderr
        self._stderr_codec = sys.stderr.encoding, sys.stderr.errors
        self._empty = None  # the stdin of requests without a body

    def open(self, has_body):
        """Put files for a new request in sys."""
        # Files of an earlier request may live on, in a thread or in a logging
        # handler; so stdout is a new one each time.
        self._output = Output(self._response)
        self._buffer = io.BufferedWriter(self._output, 65536)
        self._stdout = _text(self._buffer, "w", _ENCODING, _ERRORS)
        sys.stdout = sys.__stdout__ = self._stdout
        if has_body:
            sys.stdin = sys.__stdin__ = _open_stdin()
        else:
            if not _usable(self._empty) or (self._empty.encoding, self._empty.errors) != (_ENCODING, _ERRORS):
                self._empty = _open_stdin()
            sys.stdin = sys.__stdin__ = self._empty
        if not _usable(self._stderr) or (self._stderr.encoding, self._stderr.errors) != self._stderr_codec:
            raw = io.FileIO(2, "w", closefd=False)
            raw.name = "<stderr>"
            self._stderr = _text(raw, "w", *self._stderr_codec, write_through=True)
        sys.stderr = sys.__stderr__ = self._stderr

    def tail(self):
        """End the response and return what of it has not been written."""
        return self._output.take(self.flush)

    def flush(self):
        """Write out what the files hold."""
        # The script may have put a file of its own in place of sys.stdout,
        # and may have closed or detached ours.
        for file in (sys.stdout, self._stdout, self._buffer, sys.stderr):
            flush(file)


def _open_stdin():
    raw = io.FileIO(0, closefd=False)
    raw.name = "<stdin>"
    return _text(io.BufferedReader(raw), "r", _ENCODING, _ERRORS)


def _text(buffer, mode, encoding, errors, **options):
    """Return a text file as the interpreter makes those in sys: line ends stay as they are."""
    text = io.TextIOWrapper(buffer, encoding, errors, "\n", **options)
    text.mode = mode
    return text


def _usable(file):
    try:
        return file is not None and not file.closed
    except ValueError:  # detached
        return False
