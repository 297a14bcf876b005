"""Telling about an uncaught exception."""

import sys


def report(error):
    """Print a traceback as the interpreter does, without the frames of the worker."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith("anyfpm/"):
        trace = trace.tb_next
    error = error.with_traceback(trace)
    try:
        sys.excepthook(type(error), error, trace)
    except Exception:
        sys.__excepthook__(type(error), error, trace)
