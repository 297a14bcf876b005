"""WSGI applications for wsgi_test.go."""

import multiprocessing
import os
import subprocess
import sys
import time
from wsgiref.validate import validator

print("a module that prints at import")
TEXT = [("Content-Type", "text/plain")]


def hello(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"hello, ", b"world\n"]


def as_tuple(environ, start_response):
    start_response("200 OK", TEXT)
    return (b"hello",)


def with_length(environ, start_response):
    start_response("200 OK", TEXT + [("content-LENGTH", "5")])
    return [b"hello"]


def too_long(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "5")])
    return [b"1234", b"56789"]


def too_long_chunks(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "5")])
    for chunk in b"1234", b"5678", b"9":
        yield chunk
    environ["wsgi.errors"].write("exhausted\n")


def too_short(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "5")])
    return [b"123"]


def too_short_chunks(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "5")])
    yield b"1"
    yield b"23"


def too_short_file(environ, start_response):
    import tempfile

    file = tempfile.TemporaryFile()
    file.write(b"123")
    file.seek(0)
    start_response("200 OK", TEXT + [("Content-Length", "5")])
    return environ["wsgi.file_wrapper"](file)


def too_short_finished(environ, start_response):
    import anyfpm

    start_response("200 OK", TEXT + [("Content-Length", "5")])
    yield b"123"
    anyfpm.finish_request()


def elsewhere(environ, start_response):
    """The web server sends a file."""
    start_response("200 OK", TEXT + [("X-Accel-Redirect", "/files/a"), ("Content-Length", "5")])
    return [b""]


def empty(environ, start_response):
    start_response("200 OK", TEXT)
    return []


def empty_generator(environ, start_response):
    start_response("200 OK", TEXT)
    yield from ()


def late_start(environ, start_response):
    yield b""
    start_response("200 OK", TEXT)
    yield b""
    yield b"late"


def echo(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", TEXT)
    return [b"%d bytes: " % len(body), body]


def lines(environ, start_response):
    stream = environ["wsgi.input"]
    start_response("200 OK", TEXT)
    return [b"|".join([stream.readline(), stream.readline(3), b"+".join(stream.readlines()), stream.read(9)])]


def iterate_input(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"<%s>" % line for line in environ["wsgi.input"]]


def to_the_end(environ, start_response):
    """Reads without Content-Length: wsgi.input ends."""
    start_response("200 OK", TEXT)
    return [b"%d" % len(environ["wsgi.input"].read(-1)), b" %r" % environ["wsgi.input_terminated"]]


def ignore_input(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"ignored"]


def variables(environ, start_response):
    start_response("200 OK", TEXT)
    names = ["SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REQUEST_METHOD", "wsgi.version", "wsgi.url_scheme",
             "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once"]
    return ["".join("%s=%r\n" % (name, environ.get(name)) for name in names).encode()]


def latin1(environ, start_response):
    path = environ["PATH_INFO"].encode("latin-1")
    start_response("200 Žádné".encode("utf-8").decode("latin-1"), TEXT + [("X-Path", path.decode("latin-1"))])
    return [path.decode("utf-8").encode("utf-8")]


def generator(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"one\n"
    yield b""
    wait(environ)
    yield b"two\n"


def wait(environ):
    """Waits until the test has seen what was sent; it then ends the body."""
    environ["wsgi.input"].read(1)


def keeps_write(environ, start_response):
    global kept_write
    kept_write = start_response("200 OK", TEXT)
    return [b"kept"]


def writes_late(environ, start_response):
    kept_write(b"to another response")
    start_response("200 OK", TEXT)
    return [b"own"]


def odd_length(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "1_0")])
    return [b"0123456789"]


def writer(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"one\n")
    wait(environ)
    write(b"two\n")
    return [b"three\n"]


class Closing:
    def __init__(self, chunks, errors):
        self.chunks = iter(chunks)
        self.errors = errors

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.chunks)

    def close(self):
        self.errors.write("closed\n")


def closing(environ, start_response):
    start_response("200 OK", TEXT)
    return Closing([b"one\n", b"two\n"], environ["wsgi.errors"])


def closing_after_error(environ, start_response):
    def chunks():
        yield b"one\n"
        raise ValueError("in the middle")

    start_response("200 OK", TEXT)
    return Closing(chunks(), environ["wsgi.errors"])


def close_raises(environ, start_response):
    class Bad(Closing):
        def close(self):
            raise ValueError("in close")

    start_response("200 OK", TEXT)
    return Bad([b"one\n"], None)


def status_204(environ, start_response):
    start_response("204 No Content", [])
    return [b""]


def status_204_with_body(environ, start_response):
    start_response("204 No Content", [("Content-Length", "4")])
    return [b"body"]


def status_304(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"1"')])
    return iter([b"body", b"body"])


def headers(environ, start_response):
    start_response("302 Found", [("Location", "/x"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")] + TEXT)
    return [b""]


def status_header(environ, start_response):
    start_response("200 OK", [("Status", "404 Not Found")] + TEXT)
    return [b"found"]


def errors(environ, start_response):
    stream = environ["wsgi.errors"]
    stream.write("one Ž\n")
    stream.writelines(["two\n", "three\n"])
    stream.flush()
    print("printed")
    print("on stderr", file=sys.stderr)
    os.system("echo from a child")
    start_response("200 OK", TEXT)
    return [b"ok"]


def file_wrapper(environ, start_response):
    file = open(__file__, "rb")
    file.read(3)
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](file)


def file_wrapper_length(environ, start_response):
    start_response("200 OK", TEXT + [("Content-Length", "10")])
    return environ["wsgi.file_wrapper"](open(__file__, "rb"), 4)


def file_wrapper_late(environ, start_response):
    import tempfile

    file = tempfile.TemporaryFile()
    file.write(b"then a file")
    file.seek(0)
    start_response("200 OK", TEXT)(b"first, ")
    return environ["wsgi.file_wrapper"](file)


def file_wrapper_memory(environ, start_response):
    import io

    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"not a real file"), 4)


def keep_input(environ, start_response):
    start_response("200 OK", TEXT)
    keep_input.kept = environ["wsgi.input"].getbuffer()
    return [b"kept"]


def file_wrapper_gzip(environ, start_response):
    import gzip
    import tempfile

    file = tempfile.TemporaryFile()
    with gzip.GzipFile(fileobj=file, mode="wb") as packed:
        packed.write(b"what is in the archive")
    file.seek(0)
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](gzip.GzipFile(fileobj=file))


def file_wrapper_named(environ, start_response):
    import tempfile

    file = tempfile.NamedTemporaryFile()
    file.write(b"a temporary file")
    file.seek(0)
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](file)


def file_wrapper_pipe(environ, start_response):
    read, write = os.pipe()
    os.write(write, b"from a pipe")
    os.close(write)
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](os.fdopen(read, "rb"))


def big(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"0123456789abcdef" * 65536] * 3


def many_chunks(environ, start_response):
    start_response("200 OK", TEXT)
    for _ in range(1000):
        yield b"0123456789abcdef" * 64


def exc_info_before(environ, start_response):
    start_response("200 OK", TEXT + [("X-First", "1")])
    try:
        raise ValueError("replaced")
    except ValueError:
        start_response("500 Oops", TEXT, sys.exc_info())
    return [b"replaced"]


def exc_info_after(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"one\n")
    try:
        raise ValueError("too late to replace")
    except ValueError:
        start_response("500 Oops", TEXT, sys.exc_info())
    return [b"never"]


def start_twice(environ, start_response):
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"never"]


def no_start(environ, start_response):
    return [b"never"]


def no_start_generator(environ, start_response):
    yield b"never"


def no_start_empty(environ, start_response):
    return iter([])


def raises(environ, start_response):
    raise KeyError("at once")


def raises_after_start(environ, start_response):
    start_response("200 OK", TEXT)
    raise KeyError("after start_response")


def raises_first(environ, start_response):
    start_response("200 OK", TEXT)
    raise KeyError("before the first chunk")
    yield b"never"


def raises_later(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"one\n"
    raise KeyError("after the first chunk")


def exits(environ, start_response):
    sys.exit("good bye")


def returns_str(environ, start_response):
    start_response("200 OK", TEXT)
    return "text"


def returns_str_list(environ, start_response):
    start_response("200 OK", TEXT)
    return ["text"]


def yields_str(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"one\n"
    yield "two\n"


def returns_none(environ, start_response):
    start_response("200 OK", TEXT)


def bad_status(environ, start_response):
    start_response("OK", TEXT)
    return [b"never"]


def bad_header(environ, start_response):
    start_response("200 OK", [("X-Bad", "a\r\nSet-Cookie: b")])
    return [b"never"]


def bad_header_type(environ, start_response):
    start_response("200 OK", [("X-Bad", 5)])
    return [b"never"]


def not_latin1(environ, start_response):
    start_response("200 OK", [("X-Bad", "Ž")])
    return [b"never"]


def endless(environ, start_response):
    start_response("200 OK", TEXT)
    while True:
        yield b"again\n"


def never_yields(environ, start_response):
    start_response("200 OK", TEXT)
    time.sleep(3600)
    yield b"never"


def finishing(environ, start_response):
    import anyfpm

    start_response("200 OK", TEXT)
    yield b"answer\n"
    print(anyfpm.finish_request(), anyfpm.finish_request())
    yield b"late\n"
    wait(environ)


def finishing_early(environ, start_response):
    import anyfpm

    print(anyfpm.finish_request())
    start_response("202 Accepted", TEXT)
    print(anyfpm.finish_request())
    return [b"late"]


def forking(environ, start_response):
    """Has a child for each way in which one can come back to the worker."""
    import anyfpm

    start_response("200 OK", TEXT)
    for status, end in (3, sys.exit), (1, lambda status: 1 / 0), (0, lambda status: [b"child\n"]):
        child = os.fork()
        if child == 0:
            anyfpm.finish_request()
            return end(status)
        if os.WEXITSTATUS(os.waitpid(child, 0)[1]) != status:
            return [b"another status\n"]
    print("waited for all", file=sys.stderr)  # so what the children said is looked for
    return [b"parent\n"]


def forking_late(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"one\n"
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    yield b"two\n"


def orphaning(environ, start_response):
    """Has a child that leaves one of its own, and tells whether that is a child of the worker's then."""
    stdin, end = os.pipe()
    shell = subprocess.run(["sh", "-c", "cat <&%d >&2 & echo $!" % stdin], pass_fds=[stdin], stdout=subprocess.PIPE)
    with open("/proc/%d/stat" % int(shell.stdout)) as stat:
        parent = int(stat.read().rpartition(")")[2].split()[1])
    os.close(stdin)
    os.close(end)
    start_response("200 OK", TEXT)
    return [b"%r" % (parent == os.getpid())]


def spawning(environ, start_response):
    """Has a child that multiprocessing starts as a new interpreter."""
    child = multiprocessing.get_context("spawn").Process(target=os.getpid)
    child.start()
    child.join()
    start_response("200 OK", TEXT)
    return [b"%d" % child.exitcode]


def validated(name):
    return validator(globals()[name])


class Namespace:
    application = staticmethod(hello)


not_callable = 5


def all_of_them(environ, start_response):
    """Picks the application by the script's name; for the tests."""
    return globals()[environ["X_APPLICATION"]](environ, start_response)


def all_validated(environ, start_response):
    return validator(globals()[environ["X_APPLICATION"]])(environ, start_response)
