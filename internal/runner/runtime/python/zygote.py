"""The zygote: a process that has everything loaded and forks the workers."""

import gc
import os
import posix
import signal
import sys

from anyfpm import linux
from anyfpm.wire import COMPILE, FORK, Control


def run(control, work):
    """Serve the supervisor's commands; return in each child, its own Control."""
    import select

    wakeup, wakeup_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wakeup_end, warn_on_full_buffer=False)
    events = select.poll()
    events.register(control, select.POLLIN)
    events.register(wakeup, select.POLLIN)
    _freeze()
    control.hello(0)
    while True:
        ready = [] if control.pending() else [fd for fd, _ in events.poll()]
        if wakeup in ready:
            os.read(wakeup, 4096)
            _reap(control)
        if ready == [wakeup]:
            continue
        kind, content = control.receive()
        if kind == FORK:
            child = _fork(control)
            if child is not None:
                os.close(wakeup)
                os.close(wakeup_end)
                return child
        elif kind == COMPILE:
            work.compile(os.fsdecode(content[:-1]))
            _freeze()


def _freeze():
    # What exists now is shared with the children as long as nobody writes to
    # it, and the collector writes to what it looks at.
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
    descriptors = control.descriptors[:3]
    del control.descriptors[:3]
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        print("anyfpm: cannot fork a worker: %s" % error, file=sys.stderr)
        pid = -1
    if pid == 0:
        return _child(control, descriptors, parent)
    for fd in descriptors:
        os.close(fd)
    if pid > 0:
        try:
            os.setpgid(pid, pid)
        except OSError:
            pass  # the child has done it, and is gone already
    control.child(max(pid, 0))
    return None


def _child(control, descriptors, parent):
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    linux.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    os.dup2(descriptors[0], control.detach(), inheritable=False)
    os.dup2(descriptors[1], 1)
    os.dup2(descriptors[2], 2)
    for fd in descriptors:
        os.close(fd)
    return Control(3)
