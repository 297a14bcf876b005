"""The life of a worker: start, say that it is ready, serve, end."""

import sys

from anyfpm import zygote
from anyfpm.wire import Control, flush


def run(make_work):
    """Be a worker, or a zygote and then its child.

    make_work takes the settings of START and the control socket, and returns
    the work to do; it is the time to import what every request needs. A work
    has

        inline                  the longest request body that it takes inline
        compile(script)         in a zygote: get ready for a script
        attach()                in the process that serves: get ready
        serve(kind, content)    serve the request of a message, up to END
    """
    control = Control(3)
    settings = control.start()
    _set_path(settings.get("path", ""))
    _import_all(settings.get("preload", ""))
    work = make_work(settings, control)
    flush(sys.stdout)  # what a module has printed is in no response
    once = settings.get("isolation") == "fork"
    forked = settings.get("role") == "zygote"
    if forked:
        zygote.run(control, work, work.inline if once else 0)
    work.attach()
    if not once:
        zygote.freeze()
    if not (once and forked):
        control.hello(work.inline)
    while True:
        work.serve(*control.receive())


def _set_path(directories):
    """Look for modules in directories first."""
    if sys.path[:1] == [""]:
        del sys.path[0]  # the working directory, because the program came on stdin
    sys.path[:0] = filter(None, directories.split("\n"))


def _import_all(names):
    import importlib

    for name in filter(None, names.split("\n")):
        importlib.import_module(name)
    sys.path_importer_cache.clear()
