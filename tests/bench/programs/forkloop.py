"""What a parent that forks, runs imports.py's work and reaps can do: prints forks a second.

A second argument, cold, has the parent not do the work itself before.
"""
import datetime
import gc
import hashlib
import json
import os
import re
import sys
import time
import urllib.parse


def run():
    name = urllib.parse.unquote(re.sub(r"\s+", " ", "world"))
    digest = hashlib.sha256(json.dumps({"name": name}).encode()).hexdigest()[:8]
    print("Content-Type: text/plain\r\n\r\n", end="")
    print(f"Hello, {name}! {digest} {datetime.date(2026, 1, 1).isoformat()}", flush=True)


answers = os.dup(1)
os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
if len(sys.argv) == 2:
    run()
gc.collect()
gc.freeze()
forks, began = int(sys.argv[1]), time.monotonic()
for _ in range(forks):
    pid = os.fork()
    if pid == 0:
        run()
        os._exit(0)
    os.waitpid(pid, 0)
os.write(answers, b"%d\n" % (forks / (time.monotonic() - began)))
