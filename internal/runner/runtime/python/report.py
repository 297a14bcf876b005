"""Telling about an uncaught exception."""

import sys


def report(error):
    """Print a traceback as the interpreter does, without the frames of the worker."""
    trace = _strip(error)
    try:
        sys.excepthook(type(error), error, trace)
    except Exception:
        sys.__excepthook__(type(error), error, trace)


def report_ignored(place, thing, error):
    """Tell of an exception that makes no difference, as the interpreter does."""
    try:
        sys.stderr.write("Exception ignored in %s: %r\n" % (place, thing))
    except Exception:
        pass  # stderr is closed, or the thing has no text
    sys.__excepthook__(type(error), error, _strip(error))


def _strip(error):
    """Take the frames of the worker from an exception's traceback, and return it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith("anyfpm/"):
        trace = trace.tb_next
    error.__traceback__ = trace
    return trace
