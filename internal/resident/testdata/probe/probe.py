import os, signal, socket, sys

print(sorted(os.environ.items()))
os.system("env | sort")
print(os.getcwd(), oct(os.umask(0o22)), sys.argv, sys.path)
print(sys.stdin.read(), sys.stdin.fileno(), sys.stdout.fileno(), sys.stderr.fileno())
print(sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering, sys.stdin.encoding)
print([line for line in open("/proc/self/status") if line.startswith(("SigBlk", "SigIgn", "SigCgt"))])
print(sorted(os.listdir("/proc/self/fd"), key=int)[:-1], [os.readlink("/proc/self/fd/%d" % fd).split(":")[0] for fd in (0, 1, 2)])
print(signal.getitimer(signal.ITIMER_REAL), signal.getitimer(signal.ITIMER_PROF), signal.getsignal(signal.SIGTERM))
print(sorted(globals()), __name__, __file__, sys.modules["__main__"].__dict__ is globals())
print(sys.excepthook, sys.getrecursionlimit(), sys.gettrace(), socket.getdefaulttimeout())
print([name for name in sys.modules if name == "local"])
