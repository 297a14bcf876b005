# A script's STDIN, STDOUT and STDERR: Perl's own handles on descriptors 0, 1
# and 2.
package Anyfpm::Stdio;

use strict;
use warnings;
use Fcntl ();
use POSIX ();
use Symbol ();

# Commands of fcntl on Linux, which Fcntl does not know.
use constant { F_DUPFD_CLOEXEC => 1030, F_GETPIPE_SZ => 1032 };

my @handles = (\*STDIN, \*STDOUT, \*STDERR);
my @modes   = ('<&=', '>&=', '>&=');
my @usual   = map { layers($_) } 0 .. 2;
my $usual   = describe();
my $utf8    = $usual =~ /utf8/;
my @saved;                 # copies of what the descriptors are between requests
my $response;              # what descriptor 1 is then
my ($source, $sink);       # the ends of a pipe for the tail of a response
my $tail = '';
my $stdin_used;

# save remembers what the descriptors are between requests.
sub save {
    @saved    = map { duplicate($_) } @handles;
    $response = identity();
    pipe my $out, my $in or die "anyfpm: cannot make a pipe: $!\n";
    # A user who has many pipes gets small ones. This one must hold all that
    # STDOUT's buffer does, whatever perl was built with: nobody reads meanwhile.
    return if fcntl($in, F_GETPIPE_SZ, 0) < 65536;
    fcntl $out, Fcntl::F_SETFL(), Fcntl::O_NONBLOCK();
    ($source, $sink) = (duplicate($out), duplicate($in));
}

# identity tells what descriptor 1 is.
sub identity { join ':', (stat STDOUT)[0, 1] }

# duplicate returns a copy of a descriptor above those that programs use.
sub duplicate {
    my ($handle) = @_;
    return fcntl($handle, F_DUPFD_CLOEXEC, 100)
        || fcntl($handle, F_DUPFD_CLOEXEC, 10)    # the limit of descriptors is lower
        || die "anyfpm: cannot duplicate a descriptor: $!\n";
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
    open my $file, '+>:raw', undef or die "anyfpm: cannot keep a request body: $!\n";
    syswrite $file, $text;
    sysseek $file, 0, 0;
    set_stdin(POSIX::dup(fileno $file));
}

# flush writes out what Perl has buffered; setting $| is what does that.
sub flush {
    my $selected = select STDERR;
    $| = 0 if !$|++;
    select STDOUT;
    $| = 0 if !$|++;
    select $selected;
}

# finish points standard output to nowhere, once the response is over.
sub finish {
    my $nowhere;
    open $nowhere, '>', '/dev/null' or $nowhere = \*STDERR;    # in a chroot
    POSIX::dup2(fileno $nowhere, 1);
}

# rewind has tell count what is written to STDOUT from now on.
sub rewind {
    return if tell(STDOUT) <= 0;
    open my $nowhere, '+<', '/dev/null' or return;    # in a pipe nothing has a place
    my $stdout = POSIX::dup(1);
    POSIX::dup2(fileno $nowhere, 1);
    seek STDOUT, 0, 0;
    POSIX::dup2($stdout, 1);
    POSIX::close($stdout);
}

# restore writes out what Perl has buffered, and puts back the descriptors and
# the handles that were changed. It returns the tail of the response: what was
# in STDOUT's buffer, where that is known to be small and to belong there.
sub restore {
    my $now      = describe();
    my $has_tail = $sink && ($now eq $usual || $now =~ /,1,unix,perlio(?:,utf8)?,2,/) && identity() eq $response;
    POSIX::dup2($sink, 1) if $has_tail;
    select STDERR;
    $| = 1;    # writes
    $| = 0;
    select STDOUT;
    $| = 1;
    $| = 0;
    my $formatted = "$~,$^,$=,$-,$%" ne 'STDOUT,STDOUT_TOP,60,0,0';
    $tail = '' if !$has_tail or !POSIX::read($source, $tail, 65536);
    my @changed = $now ne $usual || $formatted ? changed($formatted) : $stdin_used ? 0 : ();
    close $handles[$_] for @changed;    # also drops what is left of an old body
    POSIX::dup2($saved[$_], $_) for 0 .. 2;
    reopen($_) for @changed;
    $stdin_used = 0;
    return $tail;
}

# changed returns the numbers of the handles to open anew, with STDOUT if it is
# told so. Others stay open: a handle that is closed has its place in perl's
# table taken by the next, and perl takes the third for STDERR when that is
# closed.
sub changed {
    my ($with_stdout) = @_;
    untie *$_ for @handles;
    return grep { $_ == 0 || $_ == 1 && $with_stdout || layers($_) ne $usual[$_] } 0 .. 2;
}

# describe returns a text that changes with the handles.
sub describe {
    return 'tied' if tied *STDIN or tied *STDOUT or tied *STDERR;
    return join ',', map { layers($_) } 0 .. 2;
}

sub layers {
    my ($fd) = @_;
    no warnings 'uninitialized';    # of one that is closed
    return join ',', fileno $handles[$fd], PerlIO::get_layers($handles[$fd]);
}

sub reopen {
    my ($fd) = @_;
    my $handle = $handles[$fd];
    *$handle = Symbol::geniosym();    # or it would keep what formats have set
    open $handle, $modes[$fd], $fd or die "anyfpm: cannot reopen descriptor $fd: $!\n";
    binmode $handle;
    binmode $handle, ':utf8' if $utf8;
}

# is_standard tells whether a file is that of STDIN, STDOUT or STDERR.
sub is_standard {
    my ($file) = @_;
    return scalar grep { $file == *$_{IO} } @handles;
}

sub is_changed { describe() ne $usual }

# straighten gives the handles the layers that they should have between two
# requests, and tells whether they had others.
sub straighten {
    return 0 if !is_changed();
    for my $handle (@handles) {
        binmode $handle;
        binmode $handle, ':utf8' if $utf8;
    }
    return 1;
}
