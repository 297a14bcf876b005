"""The two prctl(2) options that a worker wants, where ctypes can reach them."""

try:
    import ctypes

    _prctl = ctypes.CDLL(None).prctl
except (ImportError, OSError, AttributeError):
    _prctl = None  # docs/worker-protocol.md says what is lost without it

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(signal):
    """Have signal sent to this process when its parent ends."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0)


def adopt_orphans():
    """Make descendants whose parent has ended children of this process."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
