# Modules for CGI scripts that expect a process to serve one request.
package Anyfpm::Libraries;

use strict;
use warnings;

# compiled remembers what a script's "use" statements have told the modules.
sub compiled {
    my ($script) = @_;
    no warnings 'once';
    $script->{cgi} = [@CGI::SAVED_SYMBOLS];
}

# begin gives the modules the state that they have at the start of a process.
sub begin {
    my ($script) = @_;
    if ($INC{'CGI.pm'} and CGI->can('_reset_globals')) {
        # CGI.pm keeps a request's parameters. CGI::Fast resets them like this.
        CGI->_reset_globals;
        CGI->_setup_symbols(@{ $script->{cgi} }) if @{ $script->{cgi} };
    }
    if ($INC{'CGI/Carp.pm'}) {
        no warnings qw(once redefine);
        *CGI::Carp::ineval = \&in_eval;
    }
    FindBin->again if $INC{'FindBin.pm'} and FindBin->can('again');
}

# in_eval tells whether a script is in an eval of its own, for CGI::Carp's
# fatalsToBrowser, which else takes the worker's for it.
sub in_eval {
    for (my $i = 0; my (undef, $file, undef, $sub) = caller $i; $i++) {
        return 1 if $sub eq '(eval)' and $file !~ m{^anyfpm/};
    }
    return 0;
}
