# Modules for CGI scripts that expect a process to serve one request.
package Anyfpm::Libraries;

use strict;
use warnings;

my %added  = map { $_ => 1 } split /:/, $ENV{PERL5LIB} // '';
my @system = grep { !$added{$_} } @INC;
my $loaded = 0;    # how many files %INC has between two requests
my %own;           # whether a file has no package of its own, by path

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
    $script->{files} = take($script);
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
    @INC{ keys %{ $script->{files} } } = values %{ $script->{files} };
}

# find_bin has FindBin look where the script is.
sub find_bin {
    FindBin->again if $INC{'FindBin.pm'} and FindBin->can('again');
}

# end forgets the files that the script has loaded into its package. It loads
# them again when it runs again, as they have set variables, but for those that
# belong to the compiled script.
sub end {
    my ($script) = @_;
    delete @INC{ keys %{ $script->{files} } };
    my %late = map { $_ => 1 } values %{ take($script) };
    return if !%late;
    for my $code (Anyfpm::Package::subs($script->{package})) {
        undef &$code if $late{ B::svref_2object($code)->FILE };
    }
}

# take takes from %INC what each script has to load for itself: files without a
# package of their own, whose subs and variables are in the script's. It
# returns those, and takes what could not be compiled, too.
sub take {
    my ($script) = @_;
    return {} if keys %INC == $loaded;
    my %taken;
    for my $name (keys %INC) {
        my $file = $INC{$name};
        if (!defined $file) {
            delete $INC{$name};
        }
        elsif (!ref $file and is_own($file, $script->{path})) {
            $taken{$name} = delete $INC{$name};
        }
    }
    $loaded = keys %INC;
    return \%taken;
}

# is_own tells whether a file that a script has loaded is part of the script.
sub is_own {
    my ($file, $path) = @_;
    $file = Anyfpm::Script::directory($path) . "/$file" if $file !~ m{^/};
    return $own{$file} //= do {
        my $text = grep({ index($file, "$_/") == 0 } @system) ? undef : eval { Anyfpm::Script::slurp($file) };
        defined $text && $text !~ /^\s*package\s+\w/m ? 1 : 0;
    };
}
