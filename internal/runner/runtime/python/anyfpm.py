"""What anyfpm offers to the program that it runs: import anyfpm."""

__path__ = []  # a package: the worker's own modules are anyfpm.wire and so on


def finish_request():
    """End the response now and go on working.

    What has been written reaches the client, what is written afterwards is
    dropped. Return False when there is no response to end: it is over
    already, or this is a forked child.
    """
    return _finish()


def _finish():  # replaced by whatever serves the request
    return False
