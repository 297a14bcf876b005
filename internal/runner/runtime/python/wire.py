"""The worker's end of the control socket, as docs/worker-protocol.md says."""

import os
import sys
from _socket import AF_UNIX, CMSG_SPACE, MSG_CMSG_CLOEXEC, SOCK_STREAM, socket
from struct import Struct

VERSION = 1

# Messages from the supervisor.
START, REQUEST, REQUEST_DESCRIPTOR, REQUEST_BODY, FORK, COMPILE = b"SRDBFC"
# Frames to the supervisor.
HELLO, END, FINISH, CHILD, EXITED = b"HEFPX"
# Flags of END and FINISH.
RETIRE, FAILED, COMPILED, DRAIN_STDOUT, DRAIN_STDERR = 1, 2, 4, 8, 16

# The longest tail of a response that rides in END; more goes through fd 1.
MAX_TAIL = 65536

_INTERPRETER = b"%d.%d.%d" % sys.version_info[:3]
_READ_SIZE = 32768
_ANCILLARY_SIZE = CMSG_SPACE(4 * 3)  # no message carries more than three descriptors

_frame = Struct(">IB").pack
_ending = Struct(">IBBB").pack
_exited = Struct(">IBII").pack


class Control:
    """A control socket. The end of its stream raises SystemExit."""

    def __init__(self, fd):
        self._socket = socket(AF_UNIX, SOCK_STREAM, 0, fd)
        os.set_inheritable(fd, False)
        self._recvmsg = self._socket.recvmsg
        self._sendall = self._socket.sendall
        self._rest = b""
        self.descriptors = []  # received and not yet taken, in order

    def fileno(self):
        return self._socket.fileno()

    def become(self, fd):
        """Turn into the socket fd of a forked worker, under the same number."""
        os.dup2(fd, self._socket.fileno(), inheritable=False)
        self._rest = b""
        self.descriptors.clear()

    def pending(self):
        """Tell whether (part of) a message has been read already."""
        return bool(self._rest)

    def receive(self):
        """Return the type and the content of the next message."""
        data = self._rest or self._read()
        while len(data) < 5:
            data += self._read()
        end = 4 + int.from_bytes(data[:4], "big")
        while len(data) < end:
            data += self._read()
        self._rest = data[end:]
        return data[4], data[5:end]

    def _read(self):
        data, ancillary, _, _ = self._recvmsg(_READ_SIZE, _ANCILLARY_SIZE, MSG_CMSG_CLOEXEC)
        for _, _, descriptors in ancillary:
            numbers = memoryview(descriptors)
            self.descriptors += numbers[: len(numbers) // 4 * 4].cast("i")
        if not data:
            raise SystemExit(0)
        return data

    def start(self):
        """Return the settings of START, the first message, as a dict."""
        kind, content = self.receive()
        fields = os.fsdecode(content).split("\0")
        if kind != START or fields[0] != str(VERSION):
            sys.exit("anyfpm: this worker speaks version %d of the worker protocol, not %s" % (VERSION, fields[0]))
        return dict(zip(fields[1:-1:2], fields[2::2]))

    def hello(self, inline):
        """Say that the worker is ready, and takes bodies of so many bytes inline."""
        content = b"%d\0python\0%s\0%d\0%d\0" % (VERSION, _INTERPRETER, os.getpid(), inline)
        self._sendall(_frame(1 + len(content), HELLO) + content)

    def end(self, flags, status, tail=b""):
        """End the request with an exit status and the rest of its response."""
        self._sendall(_ending(3 + len(tail), END, flags, status) + tail)

    def finish(self, flags, tail):
        """End the response; the request goes on."""
        self._sendall(_ending(3 + len(tail), FINISH, flags, 0) + tail)

    def child(self, pid):
        """Answer FORK; pid 0 says that it failed."""
        self._sendall(_frame(5, CHILD) + pid.to_bytes(4, "big"))

    def exited(self, pid, status):
        """Report a child's wait status."""
        self._sendall(_exited(9, EXITED, pid, status))


def write_all(fd, data):
    """Write all of data to fd, whatever a write accepts at once."""
    written = os.write(fd, data)
    if written < len(data):
        rest = memoryview(data)
        while written < len(data):
            written += os.write(fd, rest[written:])


def flush(file):
    """Write out what a file holds, if it still is one."""
    try:
        file.flush()
    except (AttributeError, OSError, ValueError):
        pass  # replaced by something else, a broken pipe, closed or detached
