# A script's STDIN, STDOUT and STDERR: Perl's own handles on descriptors 0, 1
# and 2.
package Anyfpm::Stdio;

use strict;
use warnings;
use Fcntl ();
use POSIX ();

my @handles = (\*STDIN, \*STDOUT, \*STDERR);
my @modes   = ('<&=', '>&=', '>&=');
my @layers  = map { join ',', PerlIO::get_layers($_) } @handles;
my @saved;         # handles of what the descriptors are between requests
my $stdin_used;

# save remembers what the descriptors are between requests.
sub save {
    for my $handle (@handles) {
        my $number = fcntl $handle, Fcntl::F_DUPFD(), 100 or die "anyfpm: cannot duplicate a descriptor: $!\n";
        open my $copy, '+<&=', $number or die "anyfpm: cannot open descriptor $number: $!\n";
        fcntl $copy, Fcntl::F_SETFD(), Fcntl::FD_CLOEXEC();
        push @saved, $copy;
    }
}

# set_stdin makes descriptor fd standard input.
sub set_stdin {
    my ($fd) = @_;
    close STDIN;
    POSIX::dup2($fd, 0);
    POSIX::close($fd);
    reopen(0);
    $stdin_used = 1;
}

# set_stdin_to makes standard input hold a text.
sub set_stdin_to {
    my ($text) = @_;
    if (length $text <= 4096) {    # what a pipe always holds
        my ($stdin, $end) = POSIX::pipe();
        POSIX::write($end, $text, length $text);
        POSIX::close($end);
        return set_stdin($stdin);
    }
    open my $file, '+>', undef or die "anyfpm: cannot keep a request body: $!\n";
    syswrite $file, $text;
    sysseek $file, 0, 0;
    set_stdin(POSIX::dup(fileno $file));
}

# flush writes out what Perl has buffered.
sub flush {
    for my $handle (*STDOUT, *STDERR) {
        next if !defined fileno $handle;
        my $selected = select $handle;
        local $| = 1;    # setting it is what flushes
        select $selected;
    }
}

# finish points standard output to nowhere, once the response is over.
sub finish {
    my $nowhere;
    open $nowhere, '>', '/dev/null' or $nowhere = \*STDERR;    # in a chroot
    POSIX::dup2(fileno $nowhere, 1);
}

# restore puts back the descriptors, and the handles that were changed.
sub restore {
    my @changed = grep { !unchanged($_) || $_ == 0 && $stdin_used } 0 .. 2;
    close $handles[$_] for @changed;    # also drops what is left of an old body
    POSIX::dup2(fileno $saved[$_], $_) for 0 .. 2;
    reopen($_) for @changed;
    $stdin_used = 0;
    select STDERR;
    $| = 0;
    select STDOUT;
    $| = 0;
}

sub unchanged {
    my ($fd) = @_;
    my $handle = $handles[$fd];
    return
           !tied *$handle
        && (fileno($handle) // -1) == $fd
        && join(',', PerlIO::get_layers($handle)) eq $layers[$fd];
}

sub reopen {
    my ($fd) = @_;
    my $handle = $handles[$fd];
    untie *$handle;
    open $handle, $modes[$fd], $fd or die "anyfpm: cannot reopen descriptor $fd: $!\n";
    binmode $handle, ':utf8' if $layers[$fd] =~ /utf8/;
}
