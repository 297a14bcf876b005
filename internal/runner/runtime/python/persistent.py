"""isolation = persistent: a process serves one request after the other."""

import posix

from anyfpm import linux, wire
from anyfpm.exits import ExitCallbacks
from anyfpm.modules import Modules
from anyfpm.program import Scripts, new_main
from anyfpm.state import State, children
from anyfpm.stdio import Streams


class Persistent(Scripts):
    def attach(self):
        super().attach()
        linux.adopt_orphans()
        self._exits = ExitCallbacks()
        self._state = State()
        self._modules = Modules()
        self._streams = Streams()

    def serve(self, kind, content):
        fields = self.begin(kind, content)
        self._streams.open(kind != wire.REQUEST)
        main = new_main()
        self._exits.begin(main.__dict__)
        status = self.guard(self._run, main, fields)
        if posix.getpid() != self.pid or self._state.threads():
            self.leave(main, status, (self._exits.run,))
        self._exits.run()
        main.__dict__.clear()  # closes what the script left open, as an exit would
        self._modules.leave()
        tail = self.tail()
        try:
            self._state.restore()
            retire = children() or self.environment.is_full()
        except OSError:
            retire = True  # the script has closed what puts it back
        if retire:
            self.flags |= wire.RETIRE
        self.end(status, tail)

    def _run(self, main, fields):
        script = self.load(fields)
        self._modules.enter(script.import_directory)
        main.__file__ = script.path
        exec(script.code, main.__dict__)

    def set_environment(self, variables):
        self.environment.set(variables)

    def tail(self):
        return self._streams.tail()
