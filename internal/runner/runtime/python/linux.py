"""The two prctl(2) options that a worker wants, where ctypes can reach them."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option, value):
    try:
        import ctypes

        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        pass  # docs/worker-protocol.md says what is lost without them


def die_with_parent(signal):
    """Have signal sent to this process when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal)


def adopt_orphans():
    """Make descendants whose parent has ended children of this process."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
