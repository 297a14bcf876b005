#!/usr/bin/python3 -S
"""A FastCGI program that misbehaves as the query says."""
import os
import signal
import socket
import struct
import threading
import time

GET_VALUES, GET_VALUES_RESULT, PARAMS, STDIN, STDOUT, END_REQUEST = 9, 10, 4, 5, 6, 3


def record(kind, content=b"", request=1):
    return struct.pack("!BBHHBB", 1, kind, request, len(content), 0, 0) + content


END = record(END_REQUEST, bytes(8))
HEADER = record(STDOUT, b"Content-Type: text/plain\r\n\r\n")


def read(conn, n):
    data = b""
    while len(data) < n:
        piece = conn.recv(n - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def records(conn):
    while True:
        _, kind, _, length, padding, _ = struct.unpack("!BBHHBB", read(conn, 8))
        content = read(conn, length)
        read(conn, padding)
        if kind == GET_VALUES:
            conn.sendall(record(GET_VALUES_RESULT, b"", 0))
            continue
        yield kind, content


def misbehave(conn, mode):
    if mode == b"garbage":
        conn.sendall(b"\xde\xad\xbe\xef" * 1000)
    elif mode == b"wrong_id":
        conn.sendall(record(STDOUT, b"Content-Type: text/plain\r\n\r\nstray", 7) + record(END_REQUEST, bytes(8), 7))
    elif mode == b"after_end":
        conn.sendall(HEADER + record(STDOUT, b"fine") + END + record(STDOUT, b"stray"))
    elif mode == b"close":
        conn.close()
    elif mode == b"half_and_close":
        conn.sendall(HEADER + record(STDOUT, b"half"))
        conn.close()
    elif mode == b"half_and_die":
        conn.sendall(HEADER + record(STDOUT, b"half"))
        os.kill(os.getpid(), signal.SIGSEGV)
    elif mode == b"hold":
        while not os.path.exists(os.environ["GO"]):
            time.sleep(0.01)
        return False
    elif mode == b"sleep":
        time.sleep(1000)
    elif mode == b"fork":
        if os.fork():
            os._exit(0)
        time.sleep(1000)
    elif mode == b"stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif mode == b"die":
        os.write(2, b"last words\n")
        os.kill(os.getpid(), signal.SIGSEGV)
    elif mode == b"exit":
        os._exit(3)
    else:
        return False
    return True


def serve(conn):
    try:
        mode, done = b"", False
        for kind, content in records(conn):
            if kind == PARAMS and content:
                mode = content.partition(b"mode=")[2].partition(b";")[0]
            elif kind == PARAMS and mode:
                done = misbehave(conn, mode)
            elif kind == STDIN and not content and not done:
                conn.sendall(HEADER + record(STDOUT, b"%d" % os.getpid()) + END)
                mode = b""
    except (EOFError, OSError):
        conn.close()


listener = socket.socket(fileno=0)
while True:
    conn, _ = listener.accept()
    if "THREADS" in os.environ:
        threading.Thread(target=serve, args=(conn,), daemon=True).start()
    else:
        serve(conn)
