package cgicase

// Languages has the same program four times: it greets whom the query names
// and counts the bytes of the body.
var Languages = []Case{
	{
		Name: "sh",
		File: "greet.sh",
		Source: `#!/bin/sh
n=$(wc -c)
printf 'Content-Type: text/plain\n\nHello %s, %d bytes.' "$QUERY_STRING" "$n"
`,
		Method: "POST", Path: "?Ada", Body: "12345",
		WantHeader: map[string]string{"Content-Type": "text/plain"},
		WantBody:   "Hello Ada, 5 bytes.",
	},
	{
		Name: "perl",
		File: "greet.pl",
		Source: `#!/usr/bin/perl
use strict;
use warnings;
binmode STDIN;
my $n = length do { local $/; <STDIN> // '' };
print "Content-Type: text/plain\r\n\r\nHello $ENV{QUERY_STRING}, $n bytes.";
`,
		Method: "POST", Path: "?Grace", Body: "\x00\xff\n",
		WantHeader: map[string]string{"Content-Type": "text/plain"},
		WantBody:   "Hello Grace, 3 bytes.",
	},
	{
		Name: "python",
		File: "greet.py",
		Source: `#!/usr/bin/python3
import os, sys
n = len(sys.stdin.buffer.read())
print("Content-Type: text/plain\n")
print(f"Hello {os.environ['QUERY_STRING']}, {n} bytes.", end="")
`,
		Method: "POST", Path: "?Barbara", Body: "",
		WantHeader: map[string]string{"Content-Type": "text/plain"},
		WantBody:   "Hello Barbara, 0 bytes.",
	},
	{
		Name: "C",
		File: "greet.cgi",
		Source: `
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
	int n = 0;
	while (getchar() != EOF)
		n++;
	printf("Content-Type: text/plain\n\nHello %s, %d bytes.", getenv("QUERY_STRING"), n);
	return 0;
}
`,
		Method: "POST", Path: "?Dennis", Body: "body",
		WantHeader: map[string]string{"Content-Type": "text/plain"},
		WantBody:   "Hello Dennis, 4 bytes.",
	},
}
