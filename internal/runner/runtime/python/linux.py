"""Calls of the C library that Python has no name for, where ctypes can reach them."""

try:
    import ctypes

    _libc = ctypes.CDLL(None)
    _prctl = _libc.prctl  # without argtypes: to convert by them costs a forked process 16 pages
except (ImportError, OSError, AttributeError):
    _libc = _prctl = None  # docs/worker-protocol.md says what is lost without it

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_MALLINFO2 = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


def die_with_parent(signal):
    """Have signal sent to this process when its parent ends."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0)


def adopt_orphans():
    """Make descendants whose parent has ended children of this process."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def allocator():
    """Return malloc, free, and a function that tells where the unused end of the heap begins; None without glibc."""
    try:
        malloc, free, sbrk, mallinfo = _libc.malloc, _libc.free, _libc.sbrk, _libc.mallinfo2
    except AttributeError:
        return None
    size = ctypes.c_size_t
    malloc.argtypes = free.argtypes = (size,)
    malloc.restype = sbrk.restype = size
    fields = [(name, size) for name in _MALLINFO2.split()]
    mallinfo.restype = type("mallinfo2", (ctypes.Structure,), {"_fields_": fields})
    return malloc, free, lambda: sbrk(0) - mallinfo().keepcost
