"""The worker that runs CGI scripts."""

from anyfpm import worker
from anyfpm.once import Once
from anyfpm.persistent import Persistent


def scripts(settings, control):
    return Once(control) if settings.get("isolation") == "fork" else Persistent(control)


worker.run(scripts)
