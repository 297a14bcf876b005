#!/usr/bin/env python3
"""The month that is asked for: month.py?2026-02. An ordinary CGI script."""

import calendar
import html
import os
import re
import sys

asked = os.environ.get("QUERY_STRING", "")
match = re.fullmatch(r"([0-9]{4})-([0-9]{2})", asked)
if not match or not 1 <= int(match[2]) <= 12 or match[1] == "0000":
    print("Status: 400 Bad Request")
    print("Content-Type: text/plain; charset=utf-8\n")
    print(f"not a month: {asked}")
    sys.exit(1)

page = calendar.HTMLCalendar().formatmonth(int(match[1]), int(match[2]))
print("Content-Type: text/html; charset=utf-8")
print(f"X-Process: {os.getpid()}\n")
print(f"<!doctype html>\n<title>{html.escape(asked)}</title>\n{page}")
