#!/usr/bin/env python3
"""Statistics of the numbers in a body, one a line, as JSON.

Leaves the process as only a process of its own may be left: in another
directory, with another umask and a limit on its memory.
"""

import json
import os
import resource
import statistics
import sys

resource.setrlimit(resource.RLIMIT_DATA, (256 << 20, 256 << 20))
os.chdir("/")
os.umask(0)

try:
    numbers = [float(line) for line in sys.stdin if line.strip()]
except ValueError as err:
    print(f"Status: 422 Unprocessable Entity\nContent-Type: text/plain\n\n{err}")
    sys.exit()
answer = {"count": len(numbers), "process": os.getpid()}
if numbers:
    answer["mean"] = statistics.mean(numbers)
    answer["median"] = statistics.median(numbers)

print("Content-Type: application/json\n")
json.dump(answer, sys.stdout)
