# The zygote: a process that has everything loaded and forks the workers.
package Anyfpm::Zygote;

use strict;
use warnings;
use POSIX ();

# run serves the supervisor's commands. It returns in each child, whose
# control socket is its own. compile is called with the path of a script; inline
# is for HELLO: that of children which say none, or 0.
sub run {
    my ($inline, $compile) = @_;
    pipe my $wakeup, my $wakeup_end or die "anyfpm: cannot make a pipe: $!\n";
    binmode $_ for $wakeup, $wakeup_end;
    local $SIG{CHLD} = sub { syswrite $wakeup_end, '.' };
    make_room();
    Anyfpm::Wire::hello($inline);
    while (1) {
        my $ready = '';
        if (!Anyfpm::Wire::pending()) {
            vec($ready, $_, 1) = 1 for fileno $wakeup, Anyfpm::Wire::fileno();
            next if select($ready, undef, undef, undef) < 0;    # interrupted
            if (vec $ready, fileno $wakeup, 1) {
                sysread $wakeup, my $dots, 4096;
                reap();
            }
            next if !vec $ready, Anyfpm::Wire::fileno(), 1;
        }
        my ($type, $content) = Anyfpm::Wire::receive();
        return if $type eq 'F' and spawn();
        next if $type ne 'C';
        $compile->($content =~ s/\0\z//r);
        make_room();
    }
}

my @filling;    # is never given back: what is freed leaves gaps

# make_room has children copy fewer pages: perl's table of all hash keys grows
# now if it is nearly full, which it would do in each child else, and what is
# free between other values is taken, so that theirs lie side by side.
sub make_room {
    add_keys();
    return if @filling > 6000;    # 2 MB
    for my $size (map { 16 * $_ } reverse 1 .. 31) {
        push @filling, "\0" x $size for 1 .. 20;
    }
}

# add_keys adds keys to the table and takes them out, in an order that has the
# next ones lie side by side again.
sub add_keys {
    my %keys;
    my @names = map {"anyfpm $_"} 1 .. 300;
    $keys{$_} = undef for @names;
    delete $keys{$_} for reverse @names;
}

sub reap {
    while ((my $pid = waitpid -1, POSIX::WNOHANG()) > 0) {
        Anyfpm::Wire::exited($pid, $?);
    }
}

# spawn forks a worker with the descriptors that came with FORK, and is true
# in it.
sub spawn {
    my @descriptors = Anyfpm::Wire::take_descriptors(3);
    my $parent = $$;
    my $pid = fork;
    if (defined $pid and $pid == 0) {
        settle($parent, @descriptors);
        return 1;
    }
    print STDERR "anyfpm: cannot fork a worker: $!\n" if !defined $pid;
    POSIX::close($_) for @descriptors;
    setpgrp $pid, $pid if $pid;
    Anyfpm::Wire::child($pid // 0);
    return 0;
}

# settle turns the forked process into a worker of its own.
sub settle {
    my ($parent, $control, $stdout, $stderr) = @_;
    Anyfpm::Linux::prctl(Anyfpm::Linux::PR_SET_PDEATHSIG(), POSIX::SIGKILL());
    POSIX::_exit(0) if getppid != $parent;
    Anyfpm::Wire::become($control);
    POSIX::dup2($stdout, 1);
    POSIX::dup2($stderr, 2);
    POSIX::close($_) for $control, $stdout, $stderr;
    srand;    # or all children would draw the same numbers
}
