#!/bin/sh
# What a CGI program is told: everything is in its environment.
printf 'Content-Type: text/plain; charset=utf-8\n\n'
printf 'Hello from %s, process %d.\n\n' "$0" "$$"
env | LC_ALL=C sort
