# The package of a compiled script. Its name is the last part, without
# Anyfpm::Script.
package Anyfpm::Package;

use strict;
use warnings;
use B ();

# subs returns the subs in a package that are Perl code, imported ones too.
# Constants are not: that of a module says that it is at home in the script that
# was the first to use it.
sub subs {
    my $package = "Anyfpm::Script::$_[0]";
    no strict 'refs';
    return grep { !(B::svref_2object($_)->CvFLAGS & B::CVf_ISXSUB()) }
        map { \&{"$package\::$_"} } grep { defined &{"$package\::$_"} } keys %{"$package\::"};
}

# free frees a package.
sub free {
    my ($package) = @_;
    for my $code (subs($package)) {
        my $home = B::svref_2object($code)->STASH;
        # Subs that call each other keep each other alive.
        undef &$code if !$home->isa('B::SPECIAL') and $home->NAME eq "Anyfpm::Script::$package";
    }
    delete $Anyfpm::Script::{"$package\::"};
}

my %imported = (SCALAR => B::GVf_IMPORTED_SV(), ARRAY => B::GVf_IMPORTED_AV(), HASH => B::GVf_IMPORTED_HV());

# variables returns the globs of a package, and its own variables with the
# values that the compilation has given to them.
sub variables {
    my $package = "Anyfpm::Script::$_[0]";
    my (@globs, @variables);
    no strict 'refs';
    for my $name (keys %{"$package\::"}) {
        next if $name eq 'ISA' or $name =~ /::\z/ or ref \${"$package\::"}{$name} ne 'GLOB';
        my $glob = \*{"$package\::$name"};
        push @globs, $glob;
        for my $type (keys %imported) {
            my $reference = *{$glob}{$type} or next;
            my $object = B::svref_2object($reference);
            next if $object->MAGICAL or $object->FLAGS & B::SVf_READONLY();
            # A module has its variable, too; one of "use vars" is the script's.
            next if B::svref_2object($glob)->GvFLAGS & $imported{$type} and $object->REFCNT > 2;
            my $value = $type eq 'SCALAR' ? $$reference : $type eq 'ARRAY' ? [@$reference] : {%$reference};
            push @variables, [ $type, $reference, $value ];
        }
    }
    return { globs => \@globs, variables => \@variables };
}

# reset gives them their first values and closes the package's files.
sub reset {
    my ($kept) = @_;
    for my $glob (@{ $kept->{globs} }) {
        my $file = *{$glob}{IO} or next;
        next if Anyfpm::Stdio::is_standard($file);
        close $file;
        no warnings 'io';    # most are no directories
        closedir $file;
    }
    for (@{ $kept->{variables} }) {
        my ($type, $reference, $value) = @$_;
        if    ($type eq 'SCALAR') { $$reference = $value }
        elsif ($type eq 'ARRAY')  { @$reference = @$value }
        else                      { %$reference = %$value }
    }
}
