"""The zygote: a process that has everything loaded and forks the workers."""

import gc
import os
import posix
import sys
from _signal import SIG_DFL, SIGCHLD, SIGKILL, set_wakeup_fd, signal  # cheaper to touch than signal's
from select import POLLIN, poll  # as posix.fork, before a preloaded module such as gevent's replaces it

from anyfpm import linux, pages
from anyfpm.wire import COMPILE, FORK


def run(control, work, inline):
    """Serve the supervisor's commands; return in each child, with control its own.

    inline is for HELLO: that of children which say none, or 0.
    """
    wakeup, wakeup_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal(SIGCHLD, lambda number, frame: None)
    set_wakeup_fd(wakeup_end, warn_on_full_buffer=False)
    events = poll()
    events.register(control, POLLIN)
    events.register(wakeup, POLLIN)
    pages.fill()
    freeze()
    control.hello(inline)
    while True:
        ready = [] if control.pending() else [fd for fd, _ in events.poll()]
        if wakeup in ready:
            os.read(wakeup, 4096)
            _reap(control)
        if ready == [wakeup]:
            continue
        kind, content = control.receive()
        if kind == FORK:
            if _fork(control):
                os.close(wakeup)
                os.close(wakeup_end)
                return
        elif kind == COMPILE:
            work.compile(content[:-1])
            freeze()


def freeze():
    """Have the garbage collector leave alone what exists now."""
    # Children share it as long as nobody writes to it, and the collector
    # writes to what it looks at.
    gc.collect()
    gc.freeze()


def _reap(control):
    try:
        while True:
            pid, status = posix.waitpid(-1, posix.WNOHANG)
            if pid == 0:
                return
            control.exited(pid, status)
    except ChildProcessError:
        return


def _fork(control):
    """Fork a worker with the descriptors that came with FORK; return True in it."""
    descriptors = control.descriptors[:3]
    del control.descriptors[:3]
    parent = os.getpid()
    try:
        pid = posix.fork()
    except OSError as error:
        print("anyfpm: cannot fork a worker: %s" % error, file=sys.stderr)
        pid = -1
    if pid == 0:
        _settle(control, descriptors, parent)
        return True
    for fd in descriptors:
        os.close(fd)
    if pid > 0:
        try:
            os.setpgid(pid, pid)
        except OSError:
            pass  # it is gone already
    control.child(max(pid, 0))
    return False


def _settle(control, descriptors, parent):
    """Turn the forked process into a worker of its own."""
    set_wakeup_fd(-1)
    signal(SIGCHLD, SIG_DFL)
    linux.die_with_parent(SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    control_fd, stdout, stderr = descriptors
    control.become(control_fd)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    for fd in descriptors:
        os.close(fd)
