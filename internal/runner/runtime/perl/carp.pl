# CGI::Carp, which changes how the warnings and errors of a process look. Each
# script that uses it finds it as in a process of its own, the others do not.
package Anyfpm::Carp;

use strict;
use warnings;
no warnings 'once';

my @names = qw(WRAP WARN PROGNAME CUSTOM_MSG DIE_HANDLER NO_TIMESTAMP FULL_PATH TO_BROWSER EMIT_WARNINGS);
my $usual;          # its variables in scripts that do not use it
my ($used, $told);  # whether a script that is being compiled uses it, and it has seen a fatal error

# compiling loads it before a script that uses it, so that its part in what
# goes wrong with the script is what it should be, and puts away what the
# script before has told it.
sub compiling {
    my ($path, $source) = @_;
    $used = $source =~ /\bCGI::Carp\b/;
    load() if $used;
    return if !is_loaded();
    assign($usual, $path);
    Anyfpm::Stdio::rewind();
    $told = 0;
}

# end makes ready for the next script: fatalsToBrowser sees from tell whether
# there is a header already.
sub end { Anyfpm::Stdio::rewind() if $INC{'CGI/Carp.pm'} }

# compiled remembers what a script has told it. What a module told it is true
# for all scripts of the process.
sub compiled {
    my ($script) = @_;
    return if !is_loaded();
    if ($used) {
        $script->{carp} = settings();
        assign($usual, $script->{path});
    }
    else {
        $usual = { %{ settings() }, PROGNAME => undef };
    }
}

# fail dies of an error in a script in its manner. Up to 5.36 perl asks nobody
# about those that it finds in a text and not in a file.
sub fail {
    my ($script, $error) = @_;
    return if $told or !$script->{carp} or !$script->{die_hook};
    assign($script->{carp}, $script->{path});
    local $SIG{__DIE__} = $script->{die_hook};
    my $end = "Execution of $script->{path} aborted due to compilation errors.\n";
    die $error =~ /\Q$end\E\z/ ? $error : $error . $end;
}

# begin gives it the state for a script that starts.
sub begin {
    my ($script) = @_;
    return if !is_loaded();
    assign($script->{carp} // $usual, $script->{path});
}

# is_loaded tells whether it is there. Then what it does is done as it must be
# in a process that stays.
sub is_loaded {
    return 0 if !$INC{'CGI/Carp.pm'};
    if (!$usual) {
        $usual = { map { $_ => undef } @names };
        @$usual{qw(NO_TIMESTAMP FULL_PATH TO_BROWSER)} = (0, 0, 1);
        my $import = \&CGI::Carp::import;
        no warnings 'redefine';
        *CGI::Carp::ineval = \&in_eval;
        *CGI::Carp::import = sub {
            $SIG{__WARN__} = \&warning;    # the module does so when it is loaded
            goto &$import;
        };
    }
    return 1;
}

sub load {
    local ($@, @SIG{qw(__WARN__ __DIE__)});
    eval { require CGI::Carp };    # what is wrong is said when the script is compiled
}

# hidden tells whether a script is to be compiled as if it were not there.
sub hidden { $INC{'CGI/Carp.pm'} && !$used }

sub warning { goto &CGI::Carp::warn if !Anyfpm::Script::is_ours($_[0]) }

sub settings {
    no strict 'refs';
    return { map { $_ => ${"CGI::Carp::$_"} } @names };
}

sub assign {
    my ($settings, $path) = @_;
    no strict 'refs';
    ${"CGI::Carp::$_"} = $settings->{$_} for @names;
    $CGI::Carp::PROGNAME //= $path;
    @CGI::Carp::WARNINGS = ();
}

# in_eval tells whether a script is in an eval of its own, for
# fatalsToBrowser, which else takes the worker's for it.
sub in_eval {
    for (my $i = 0; my (undef, $file, undef, $sub) = caller $i; $i++) {
        return 1 if $sub eq '(eval)' and $file !~ m{^anyfpm/};
    }
    # From 5.38 on perl itself asks about what it finds in the text of a script,
    # which is for fail.
    my ($sub, $text) = (caller 2)[3, 6];
    return 1 if defined $text and $sub eq '(eval)' and argument() !~ /^BEGIN failed/m;
    $told = 1;
    return 0;
}

# argument is what CGI::Carp dies of.
sub argument {
    package DB;
    our @args;
    () = caller 2;
    return $args[0];
}
