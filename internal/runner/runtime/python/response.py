"""The response of a WSGI application: start_response, write and the iterable."""

from anyfpm import wire
from anyfpm.filewrapper import FileWrapper
from anyfpm.report import report


class Response:
    __slots__ = ("_worker", "_is_head", "_bodyless", "_head", "_length", "_sent", "_finished")

    def __init__(self, worker, is_head):
        self._worker = worker
        self._is_head = is_head
        self._bodyless = False
        self._head = None  # the header, once start_response has been called
        self._length = None  # how much of the body it still allows
        self._sent = False
        self._finished = False

    def start_response(self, status, headers, exc_info=None):
        if exc_info:
            try:
                if self._sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no reference cycle through this frame
        elif self._head is not None:
            raise AssertionError("start_response was called a second time without exc_info")
        code = status[:3]
        if not code.isdigit() or not "100" <= code <= "999" or status[3:4] not in ("", " "):
            raise ValueError("not an HTTP status: %r" % status)
        self._length = None
        no_content = code == "204" or code[0] == "1"
        lines = ["Status: " + status]
        for name, value in headers:
            lower = name.lower()
            if lower == "status":
                continue  # the web server would take it for that of the response
            if lower == "content-length":
                if no_content:
                    continue
                if not value.isascii() or not value.strip(" ").isdigit():
                    raise ValueError("not a length: %r" % value)
                self._length = int(value)
            lines.append(name + ": " + value)
        head = "\r\n".join(lines)
        if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1 or "\0" in head:
            raise ValueError("a header of the response contains a control character: %r" % (headers,))
        self._head = head.encode("latin-1")
        self._bodyless = self._is_head or no_content or code == "304"
        return self.write

    def write(self, data):
        """Send a piece of the body now, as PEP 3333 demands of write and of iterables."""
        if not isinstance(data, bytes):
            raise TypeError("the body must be bytes, not %s" % type(data).__name__)
        if not data:
            return
        if self._head is None:
            raise AssertionError("the body begins before start_response was called")
        if self._finished:
            return
        if self._length is not None:
            data = data[: self._length]  # a client takes more for the next response
            self._length -= len(data)
        if self._bodyless:
            data = b""
        if not self._sent:
            self._sent = True
            data = self._head + b"\r\n\r\n" + data
        if data:
            wire.write_all(self._worker.stdout, data)

    def run(self, application, environ):
        """Call the application and send its response, up to END."""
        result = application(environ, self.start_response)
        kind = type(result)
        if kind is list or kind is tuple:
            self._send_whole(result)
            return
        try:
            if kind is FileWrapper and self._head is not None and not self._bodyless and not self._finished:
                self._send_file(result)
            else:
                for data in result:
                    self.write(data)
                    if self._sent and self._bodyless:
                        break
        finally:
            _close(result)
        self._end()

    def _send_whole(self, parts):
        if self._head is None:
            raise AssertionError("the application returned without calling start_response")
        for part in parts:
            if not isinstance(part, bytes):
                raise TypeError("the body must be bytes, not %s" % type(part).__name__)
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        self._announce(len(body))
        if self._sent or self._finished or self._bodyless or len(body) > wire.MAX_TAIL:
            self.write(body)
            self._end()
        elif 0 < len(body) < self._length:
            raise _too_short(self._length - len(body))
        else:
            self._worker.end(0, 0, self._head + b"\r\n\r\n" + body[: self._length])

    def _announce(self, length):
        """Say how long the body is if the application has not."""
        if self._length is None and not self._bodyless and not self._sent:
            self._length = length
            self._head += b"\r\nContent-Length: %d" % length

    def _send_file(self, wrapper):
        size = wrapper.regular_size()
        if size is None:
            for data in wrapper:
                self.write(data)
            return
        self._announce(size)
        if not self._sent:
            self._sent = True
            wire.write_all(self._worker.stdout, self._head + b"\r\n\r\n")
        if self._length is None:
            wrapper.copy_to(self._worker.stdout, size)
        else:
            self._length -= wrapper.copy_to(self._worker.stdout, min(size, self._length))

    def _end(self):
        if self._head is None:
            raise AssertionError("the application returned without calling start_response")
        if self._sent and self._length and not self._bodyless and not self._finished:
            raise _too_short(self._length)
        if self._sent or self._finished:
            self._worker.end(wire.DRAIN_STDOUT, 0)
        else:
            self._worker.end(0, 0, self._head + b"\r\n\r\n")

    def abandon(self):
        """Send nothing more."""
        self._finished = True

    def finish(self):
        """anyfpm.finish_request: end the response with what has been sent so far."""
        if self._finished or self._head is None:
            return False
        self._finished = True
        if self._sent:
            self._worker.finish(wire.DRAIN_STDOUT, b"")
        else:
            self._worker.finish(0, self._head + b"\r\n\r\n")
        return True


def _too_short(missing):
    """Return the error of a body that ends early.

    An empty one does not: the web server sends a file in its place, whose
    length it is, if the header has X-Accel-Redirect or X-Sendfile.
    """
    return AssertionError("the body is %d bytes shorter than its Content-Length" % missing)


def _close(result):
    """Close what the application has returned. The response is the same if that fails."""
    close = getattr(result, "close", None)
    if close is not None:
        try:
            close()
        except Exception as error:
            report(error)
