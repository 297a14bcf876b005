"""isolation = fork: a process serves one request and ends."""

import sys

from anyfpm.program import Scripts, new_main
from anyfpm.wire import flush


class Once(Scripts):
    def serve(self, kind, content):
        fields = self.begin(kind, content)
        main = new_main()
        status = self.guard(self._run, main, fields)
        self.leave(main, status)

    def _run(self, main, fields):
        script = self.load(fields)
        main.__file__ = script.path
        exec(script.code, main.__dict__)

    def set_environment(self, variables):
        self.environment.add(variables)

    def tail(self):
        # The interpreter's own files serve: making others costs a forked
        # process, which copies each page that it touches, more than a write.
        for file in (sys.stdout, sys.__stdout__, sys.stderr):
            flush(file)
        return b""
