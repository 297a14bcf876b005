#!/usr/bin/perl
# The words of a text and how often they come: a form in the CGI way.
use strict;
use warnings;
use Encode qw(decode encode);

my $text = '';
if ($ENV{REQUEST_METHOD} eq 'POST') {
    read STDIN, my $form, $ENV{CONTENT_LENGTH} || 0;
    for (split /&/, $form) {
        my ($name, $value) = map { tr/+/ /; s/%([0-9a-fA-F]{2})/chr hex $1/ger } split /=/, $_, 2;
        $text = decode('UTF-8', $value // '') if $name eq 'text';
    }
}

my %count;
$count{lc $_}++ for $text =~ /\w+/g;

print "Content-Type: text/html; charset=utf-8\nX-Process: $$\n\n";
print "<!doctype html>\n<title>Words</title>\n<table>\n";
for my $word (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count) {
    print encode('UTF-8', "<tr><td>$word<td>$count{$word}\n");
}
print qq(</table>\n<form method="post"><textarea name="text"></textarea><button>Count</button></form>\n);
