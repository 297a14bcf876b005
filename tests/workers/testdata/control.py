#!/usr/bin/python3 -S
"""A worker that misbehaves on its control socket as the query says."""
import os
import signal
import socket
import struct
import time

control = socket.socket(fileno=3)
os.set_inheritable(3, False)


def frame(kind, content=b""):
    return struct.pack(">I", 1 + len(content)) + kind + content


def read(n):
    data = b""
    while len(data) < n:
        piece = control.recv(n - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return data


def message():
    (length,) = struct.unpack(">I", read(4))
    return read(length)


END = frame(b"E", bytes(2))


def serve(mode):
    if mode == b"garbage":
        control.sendall(b"\xde\xad\xbe\xef" * 1000)
    elif mode == b"zygote":
        control.sendall(frame(b"P", bytes(4)))
    elif mode == b"endless":
        control.sendall(struct.pack(">I", 0x7FFFFFFF) + b"E")
    elif mode == b"twice":
        control.sendall(frame(b"E", bytes(2) + b"Content-Type: text/plain\n\nfine") + END)
    elif mode == b"close":
        os.close(3)
        time.sleep(1000)
    elif mode == b"close_all":
        os.closerange(0, 4)
        time.sleep(1000)
    elif mode == b"sleep":
        time.sleep(1000)
    elif mode == b"fork":
        if os.fork():
            os._exit(0)
        os.closerange(0, 4)
        time.sleep(1000)
    elif mode == b"stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif mode == b"die":
        os.write(2, b"last words\n")
        os.kill(os.getpid(), signal.SIGSEGV)
    else:
        control.sendall(frame(b"E", bytes(2) + b"Content-Type: text/plain\n\n%d" % os.getpid()))


message()  # START
control.sendall(frame(b"H", b"1\0odd\0000.1\0%d\0004096\0" % os.getpid()))
while True:
    serve(message().partition(b"mode=")[2].partition(b";")[0])
