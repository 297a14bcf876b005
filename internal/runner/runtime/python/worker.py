"""The life of a worker: start, say that it is ready, serve, end."""

import os
import sys

from anyfpm import linux, zygote
from anyfpm.wire import Control


def run(work_type):
    """Be a worker, or a zygote and then its child, for one kind of work.

    A work is made from the settings of START, which is the time to import
    what every request needs. It has

        inline                    the longest request body it takes inline
        compile(script)           get ready for a script, in a zygote
        attach(control, once)     what to do in the process that serves
        serve(kind, content)      serve one request, up to END
        leave(status)             end a process that serves just one
    """
    control = Control(3)
    settings = control.start()
    _import_all(settings.get("preload", ""))
    work = work_type(settings)
    once = settings.get("isolation") == "fork"
    if settings.get("role") == "zygote":
        control = zygote.run(control, work)
    if not once:
        linux.adopt_orphans()
    work.attach(control, once)
    control.hello(work.inline)
    while True:
        work.serve(*control.receive())


def _import_all(names):
    import importlib

    for name in filter(None, names.split("\n")):
        importlib.import_module(name)
    sys.path_importer_cache.clear()
