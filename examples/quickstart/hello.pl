#!/usr/bin/env perl
# A line a second: what a script has written is on its way at once.
use strict;
use warnings;

$| = 1;
print "Content-Type: text/plain; charset=utf-8\n\n";
for my $left (reverse 1 .. 3) {
    print "$left...\n";
    sleep 1;
}
print "Hello from Perl $^V.\n";
