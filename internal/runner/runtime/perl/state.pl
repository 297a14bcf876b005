# What a request may change in its process, and how it is put back.
package Anyfpm::State;

use strict;
use warnings;
use POSIX ();

my (%env, @inc, $inc, @signals, $handlers, $umask);
my $no_signals = POSIX::SigSet->new;

# begin remembers what the process was started with.
sub begin {
    %env = %ENV;
    $SIG{__WARN__} //= \&Anyfpm::Messages::warning;
}

# save remembers how the process should be between two requests.
sub save {
    @inc      = @INC;
    $inc      = join "\0", @INC;
    @signals  = grep { !/^(?:KILL|STOP|__.*)$/ } keys %SIG;
    $handlers = handlers();
    $umask    = umask;
    Anyfpm::Stdio::save();
}

# handlers is a text that changes with the handlers. It is made once for each
# request, so a signal without one is an empty field and costs nothing more.
sub handlers {
    no warnings 'uninitialized';
    join ',', @SIG{@signals};
}

# set_environment makes the environment that of the start and a request's on
# top. Assigning a variable is what costs time, so it is done to those that
# differ.
sub set_environment {
    my %wanted = (%env, @_);
    no warnings 'uninitialized';
    my @changed = grep { $ENV{$_} ne $wanted{$_} or !defined $ENV{$_} } keys %wanted;
    @ENV{@changed} = @wanted{@changed};
    delete @ENV{ grep { !exists $wanted{$_} } keys %ENV } if keys %ENV > keys %wanted;
}

# add_environment does so in a process that serves just one request.
sub add_environment {
    for (my $i = 0; $i < @_; $i += 2) {
        $ENV{ $_[$i] } = $_[ $i + 1 ];
    }
}

# restore puts everything back but the environment and the working directory.
# It returns the tail of the response.
sub restore {
    alarm 0;
    restore_handlers() if handlers() ne $handlers;
    $SIG{__WARN__} = \&Anyfpm::Messages::warning if ($SIG{__WARN__} // 0) != \&Anyfpm::Messages::warning;
    $SIG{__DIE__} = undef if defined $SIG{__DIE__};
    POSIX::sigprocmask(POSIX::SIG_SETMASK(), $no_signals);
    umask $umask;
    @INC = @inc if join("\0", @INC) ne $inc;
    return Anyfpm::Stdio::restore();
}

sub restore_handlers {
    my %wanted;
    @wanted{@signals} = split /,/, $handlers, -1;
    for my $name (@signals) {
        $SIG{$name} = $wanted{$name} || 'DEFAULT' if ($SIG{$name} // '') ne $wanted{$name};
    }
    $handlers = handlers();    # one that was reset has a name now
}

# children reaps what has ended, and tells whether a child is still alive.
sub children {
    my $pid;
    do { $pid = waitpid -1, POSIX::WNOHANG() } while $pid > 0;
    return $pid == 0;
}
