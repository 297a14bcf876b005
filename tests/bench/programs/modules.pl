#!/usr/bin/perl
use strict;
use warnings;
use Data::Dumper;
use File::Spec;
use POSIX qw(strftime);
use Time::HiRes qw(time);

local $Data::Dumper::Terse = 1;
my $day = strftime('%Y', gmtime(int(time)));
print "Content-Type: text/plain\r\n\r\n";
print "Hello, world! ", length(Dumper({ day => $day })), ' ', File::Spec->catfile('a', 'b'), "\n";
