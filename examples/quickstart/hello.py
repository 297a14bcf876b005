#!/usr/bin/env python3
"""A form: the body of a POST is on standard input."""

import html
import os
import sys
from urllib.parse import parse_qs

fields = {}
if os.environ.get("REQUEST_METHOD") == "POST":
    fields = parse_qs(sys.stdin.buffer.read().decode("utf-8", "replace"))
name = fields.get("name", ["stranger"])[0]

print("Content-Type: text/html; charset=utf-8\n")
print(f"""<!doctype html>
<link rel="stylesheet" href="style.css">
<title>Python</title>
<h1>Hello, {html.escape(name)}.</h1>
<form method="post">
	<label>Your name: <input name="name" autofocus></label>
	<button>Greet me</button>
</form>""")
