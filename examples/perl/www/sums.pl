#!/usr/bin/perl
# The checksums of a body, as JSON. Leaves global variables, another directory
# and an exit code behind, which a process of its own may.
use strict;
use warnings;
use Digest::SHA;
use JSON::PP;

our $bytes;    # a script that shared its process would count on
chdir '/';
binmode STDIN;

my %digest = map { $_ => Digest::SHA->new($_) } 1, 256, 512;
while (read STDIN, my $piece, 65536) {
    $bytes += length $piece;
    $_->add($piece) for values %digest;
}

print "Content-Type: application/json\n\n";
print JSON::PP->new->canonical->encode({
    bytes => $bytes // 0, process => $$, map { ("sha$_" => $digest{$_}->hexdigest) } keys %digest
});
exit 3;
