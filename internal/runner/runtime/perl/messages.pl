# What perl says of a script: it names the package and the callers that the
# script has in a process of its own.
package Anyfpm::Messages;

use strict;
use warnings;

{
    no warnings 'once';
    $Carp::Internal{'Anyfpm::Worker'} = 1;    # croak looks no further than the script
}

# plain returns a message with main in place of a script's package, and without
# the worker's part of a backtrace.
sub plain {
    my ($text) = @_;
    return $text if ref $text or index($text, 'nyfpm') < 0;
    $text =~ s/([\$\@%])Anyfpm::Script::\w+_\d+::/$1/g;
    $text =~ s/\bAnyfpm::Script::\w+_\d+\b/main/g;
    $text =~ s{^\t.* called at anyfpm/\w+\.pl line \d+\n}{}mg;
    return $text;
}

# warning is what $SIG{__WARN__} is for a script.
sub warning {
    my ($text) = @_;
    if (ref $text) {    # perl has not said where, yet
        my (undef, $file, $line) = caller;
        $text = "$text";
        $text .= " at $file line $line.\n" if $text !~ /\n\z/;
    }
    warn plain($text);
}
