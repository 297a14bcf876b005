# The first lines of every Python worker. They must run on any Python, so that
# one that is too old says so instead of failing at new syntax.
import sys

if sys.version_info < (3, 8):
    sys.exit("anyfpm: Python 3.8 or newer is needed, %s is %d.%d" % ((sys.executable,) + sys.version_info[:2]))

import types

del __file__  # '<stdin>': children of multiprocessing would run it


def load(name, source):
    """Run source as the module name; its tracebacks name the file anyfpm/NAME.py."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    package, _, child = name.rpartition(".")
    if package:
        setattr(sys.modules[package], child, module)
    exec(compile(source, name.replace(".", "/") + ".py", "exec"), module.__dict__)
