"""What a zygote does so that its children copy fewer pages of its memory.

A forked process copies each page that it writes to, which costs more than what
it writes.
"""

import os
import posix
from _signal import SIGKILL

from anyfpm import linux
from anyfpm.wire import write_all

_SIZES = (*(1 << n for n in range(16, 10, -1)), *range(1032, 23, -16))


def fill():
    """Take the room that is free between other chunks of malloc's heap, so that those of a child lie side by side."""
    allocator = linux.allocator()
    if allocator is None:
        return
    malloc, free, heap_end = allocator
    end = heap_end()
    for size in _SIZES:
        chunk = malloc(size)
        while 0 < chunk < end:
            chunk = malloc(size)
        free(chunk)


def elsewhere(function, argument):
    """Return the bytes that function returns for argument, without a trace of its work here; none if it fails."""
    output, end = os.pipe()
    try:
        pid = posix.fork()
    except OSError:
        pid = -1
    if pid == 0:
        linux.die_with_parent(SIGKILL)
        try:
            write_all(end, function(argument))
        finally:
            os._exit(0)
    os.close(end)
    with open(output, "rb") as file:
        result = file.read()
    if pid > 0:
        posix.waitpid(pid, 0)
    return result
