# The worker's end of the control socket, as docs/worker-protocol.md says.
package Anyfpm::Wire;

use strict;
use warnings;
use Errno  ();
use Fcntl  ();
use POSIX  ();

use constant VERSION => 1;

# Flags of END and FINISH.
use constant { RETIRE => 1, FAILED => 2, COMPILED => 4, DRAIN_STDOUT => 8, DRAIN_STDERR => 16 };

open my $socket, '+<&=', 3 or die "anyfpm: there is no control socket: $!\n";
binmode $socket;    # perl -C and PERL_UNICODE make files UTF-8
fcntl $socket, Fcntl::F_SETFD(), Fcntl::FD_CLOEXEC();

my $rest = '';
my @descriptors;    # received and not yet taken, in order

sub fileno { 3 }

# become turns the control socket into that of a forked worker.
sub become {
    my ($fd) = @_;
    POSIX::dup2($fd, 3);
    fcntl $socket, Fcntl::F_SETFD(), Fcntl::FD_CLOEXEC();
    ($rest, @descriptors) = ('');
}

# pending tells whether (part of) a message has been read already.
sub pending { length $rest }

sub take_descriptors { splice @descriptors, 0, $_[0] }

# receive returns the type and the content of the next message. The end of
# the stream is the end of the process.
sub receive {
    $rest .= more() while length $rest < 5;
    my ($length, $type) = unpack 'N a', $rest;
    $rest .= more() while length $rest < 4 + $length;
    my $content = substr $rest, 5, $length - 1;
    substr $rest, 0, 4 + $length, '';
    return ($type, $content);
}

sub more {
    my ($data, @received);
    do { ($data, @received) = Anyfpm::Linux::receive($socket) } until defined $data or !$!{EINTR};
    CORE::exit(0) if !length($data // '');
    push @descriptors, @received;
    return $data;
}

# start returns the settings of START, the first message.
sub start {
    my ($type, $content) = receive();
    my ($version, @settings) = split /\0/, $content, -1;
    pop @settings;    # what follows the last NUL
    if ($type ne 'S' or $version ne VERSION) {
        print STDERR "anyfpm: this worker speaks version @{[VERSION]} of the worker protocol, not $version\n";
        CORE::exit(1);
    }
    return {@settings};
}

# hello says that the worker is ready, and takes bodies of so many bytes inline.
sub hello {
    my ($inline) = @_;
    my $version = sprintf '%vd', $^V;
    my $content = join '', map {"$_\0"} VERSION, 'perl', $version, $$, $inline;
    put('H', $content);
}

# end ends the request with an exit status and the tail of its response.
sub end { put('E', pack 'CCa*', @_) }

# finish ends the response; the request goes on.
sub finish { put('F', pack 'CC', $_[0], 0) }

# child answers FORK; pid 0 says that it failed.
sub child { put('P', pack 'N', $_[0]) }

# exited reports a child's wait status.
sub exited { put('X', pack 'NN', $_[0], $_[1]) }

sub put {
    my ($type, $content) = @_;
    my $frame = pack('N a', 1 + length $content, $type) . $content;
    while (length $frame) {
        my $n = syswrite $socket, $frame;
        if (!defined $n) {
            next if $!{EINTR};
            CORE::exit(0);
        }
        substr $frame, 0, $n, '';
    }
}
