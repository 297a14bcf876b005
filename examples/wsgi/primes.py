"""Prime numbers up to a limit, sent as they are found: plain WSGI."""

from wsgiref.util import shift_path_info


def application(environ, start_response):
    limit = shift_path_info(environ) or "100"
    if not limit.isdecimal() or int(limit) > 1_000_000:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"a limit up to 1000000, please\n"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return primes(int(limit))


def primes(limit):
    composite = bytearray(limit + 1)
    for n in range(2, limit + 1):
        if not composite[n]:
            composite[n * n :: n] = b"\1" * len(range(n * n, limit + 1, n))
            yield b"%d\n" % n
