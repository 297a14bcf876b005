#!/usr/bin/python3
import datetime
import hashlib
import json
import re
import urllib.parse

name = urllib.parse.unquote(re.sub(r"\s+", " ", "world"))
digest = hashlib.sha256(json.dumps({"name": name}).encode()).hexdigest()[:8]
print("Content-Type: text/plain\r\n\r\n", end="")
print(f"Hello, {name}! {digest} {datetime.date(2026, 1, 1).isoformat()}")
