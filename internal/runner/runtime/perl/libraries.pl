# Modules for CGI scripts that expect a process to serve one request.
package Anyfpm::Libraries;

use strict;
use warnings;

my %added  = map { $_ => 1 } split /:/, $ENV{PERL5LIB} // '';
my @system = grep { !$added{$_} } @INC;
my $loaded = 0;    # how many files %INC has between two requests

# compiling gives the modules the state that they have when a process compiles
# its script.
sub compiling {
    my ($path, $source) = @_;
    find_bin();
    Anyfpm::Carp::compiling($path, $source);
}

# compiled remembers what a script's "use" statements have told the modules.
sub compiled {
    my ($script) = @_;
    no warnings 'once';
    $script->{cgi} = [@CGI::SAVED_SYMBOLS];
    Anyfpm::Carp::compiled($script);
}

# begin gives the modules the state that they have at the start of a process.
sub begin {
    my ($script) = @_;
    if ($INC{'CGI.pm'} and CGI->can('_reset_globals')) {
        # CGI.pm keeps a request's parameters. CGI::Fast resets them like this.
        CGI->_reset_globals;
        CGI->_setup_symbols(@{ $script->{cgi} }) if @{ $script->{cgi} };
    }
    Anyfpm::Carp::begin($script);
    find_bin();
    @INC{ keys %{ $script->{files} } } = values %{ $script->{files} } if $script->{files};
}

# find_bin has FindBin look where the script is.
sub find_bin {
    FindBin->again if $INC{'FindBin.pm'} and FindBin->can('again');
}

# end takes from %INC what other scripts have to load for themselves: files
# without a package of their own, whose subs are in the script's, and those
# that could not be compiled.
sub end {
    my ($script) = @_;
    return if keys %INC == $loaded;
    for my $name (keys %INC) {
        my $file = $INC{$name};
        if (!defined $file) {
            delete $INC{$name};
        }
        elsif ($name !~ /\.pm\z/ and !ref $file and !grep { index($file, "$_/") == 0 } @system) {
            my $text = eval { Anyfpm::Script::slurp($file) } // '';
            $script->{files}{$name} = delete $INC{$name} if $text !~ /^\s*package\s+\w/m;
        }
    }
    $loaded = keys %INC;
}
