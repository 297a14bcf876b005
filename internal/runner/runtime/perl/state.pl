# What a request may change in its process, and how it is put back.
package Anyfpm::State;

use strict;
use warnings;
use POSIX ();

my (%env, @inc, @signals, $handlers, $umask);

# begin remembers what the process was started with.
sub begin { %env = %ENV }

# save remembers how the process should be between two requests.
sub save {
    @inc      = @INC;
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

# environment returns the process's own environment, below that of a request.
sub environment { %env }

# restore puts everything back but the environment and the working directory.
sub restore {
    alarm 0;
    restore_handlers() if handlers() ne $handlers;
    @SIG{qw(__WARN__ __DIE__)} = ();
    POSIX::sigprocmask(POSIX::SIG_SETMASK(), POSIX::SigSet->new);
    umask $umask;
    @INC = @inc;
    Anyfpm::Stdio::restore();
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
