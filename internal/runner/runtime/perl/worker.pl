# CGI scripts in a resident interpreter.
package Anyfpm::Worker;

use strict;
use warnings;
use POSIX ();

our $pid;
my ($once, $name, $script, $running, $exited, $finished, $status, $flags);

# exit ends the request and not the worker.
BEGIN {
    no warnings 'once';
    *CORE::GLOBAL::exit = sub (;$) {
        CORE::exit($_[0] // 0) if !$running;
        no warnings qw(exiting numeric);
        ($exited, $status) = (1, ($_[0] // 0) & 0xff);
        # This leaves evals too, which an exception would not. It fails, with
        # an exception, across what C code has called, such as a sort.
        last ANYFPM_REQUEST;
    };
}

# Anyfpm::finish_request ends the response now; the script may go on working.
# It is false when there is no response to end.
sub Anyfpm::finish_request {
    return 0 if !$running or $finished or $$ != $pid;
    $finished = 1;
    Anyfpm::Stdio::flush();
    Anyfpm::Stdio::finish();
    Anyfpm::Wire::finish(Anyfpm::Wire::DRAIN_STDOUT | Anyfpm::Wire::DRAIN_STDERR);
    return 1;
}
$INC{'Anyfpm.pm'} = 'anyfpm/worker.pl';

sub serve {
    my ($type, $content) = @_;
    ($flags, $status, $finished, $script) = (Anyfpm::Wire::DRAIN_STDOUT | Anyfpm::Wire::DRAIN_STDERR, 0, 0);
    guard(\&request, set_up($type, $content));
    end_block($_) for $script ? @{ $script->{end} } : ();
    leave() if $once or $$ != $pid;
    Anyfpm::Libraries::end($script) if $script;
    $script->reset if $script;
    my $tail = Anyfpm::State::restore();
    Anyfpm::Carp::end();
    $flags |= Anyfpm::Wire::RETIRE if Anyfpm::State::children();
    Anyfpm::Wire::end($flags, $status, $tail);
}

# set_up makes the request's standard input and environment, and returns the
# script's path and its arguments.
sub set_up {
    my ($type, $content) = @_;
    if ($type eq 'D') {
        Anyfpm::Stdio::set_stdin(Anyfpm::Wire::take_descriptors(1));
    }
    elsif ($type eq 'B') {
        my $size = unpack 'N', $content;
        Anyfpm::Stdio::set_stdin_to(substr $content, 4 + $size);
        $content = substr $content, 4, $size;
    }
    my ($path, $count, @fields) = split /\0/, $content, -1;
    pop @fields;    # what follows the last NUL
    my @arguments = splice @fields, 0, $count;
    $once ? Anyfpm::State::add_environment(@fields) : Anyfpm::State::set_environment(@fields);
    $name = $path;
    return ($path, @arguments);
}

# request runs a script with Perl's special variables as at its start.
sub request {
    my ($path, @arguments) = @_;
    my $directory = Anyfpm::Script::directory($path);
    chdir $directory or die "Can't chdir to $directory: $!\n";
    ($script, my $compiled) = Anyfpm::Script::load($path);
    $flags |= Anyfpm::Wire::COMPILED if $compiled;
    local ($_, $.);
    local ($/, $\, $,, $", $;) = ("\n", undef, undef, ' ', "\034");
    local $^W = $script->{warn};
    @INC = @{ $script->{inc} } if $script->{inc};
    $SIG{__WARN__} = $script->{warn_hook} if $script->{warn_hook};
    $SIG{__DIE__}  = $script->{die_hook}  if $script->{die_hook};
    @ARGV = @arguments;
    $^T = time;
    if (defined $script->{data}) {
        no strict 'refs';
        open *{"Anyfpm::Script::$script->{package}::DATA"}, '<', \$script->{data};
    }
    Anyfpm::Libraries::begin($script);
    ($!, $?, $@) = (0, 0, '');
    $script->{code}->(@arguments);    # at the top of a program shift takes from @ARGV
}

# guard calls a sub as the interpreter calls a program: exit ends it, and what
# it dies of is told on STDERR and makes the exit status.
sub guard {
    my $code = shift;
    my ($begun, $ended, $error);
    ($exited, $running) = (0, 1);
    ANYFPM_REQUEST: {
        eval {
            # The loop that a stray last, next or redo finds.
            { $ended = !$begun++ && ($code->(@_), 1) }
            $ended or die qq(Can't "last", "next" or "redo" outside a loop block in $name.\n);
        } or $error = $@;
    }
    $running = 0;
    return if $exited or !defined $error;
    $flags |= Anyfpm::Wire::FAILED;
    $status = ($! + 0 || $? >> 8 || 255) & 0xff;
    no warnings 'utf8';
    print STDERR Anyfpm::Messages::plain($error);
}

# end_block calls an END block, which sees the exit status in $? and may
# change it.
sub end_block {
    my ($code) = @_;
    guard(sub {
        $? = $status;
        $code->();
        $status = $? & 0xff;
    });
}

# leave ends the process: one that serves once, or that a script has forked.
sub leave {
    my $ends = Anyfpm::Script::ends();
    end_block(\$_) for @$ends;
    @$ends = ();
    $script->reset if $script;
    Anyfpm::Stdio::flush();
    CORE::exit($status) if $$ != $pid;
    {
        no warnings 'exec';
        exec { '/' } '/';    # writes out what is in open files, and fails
    }
    Anyfpm::Wire::end($flags | Anyfpm::Wire::RETIRE, $status, '');
    POSIX::_exit(0);
}

my $settings = Anyfpm::Wire::start();
$0    = "anyfpm: pool $settings->{pool}";
*0    = \$name;    # from now on a plain variable: changing the title costs two system calls a request
$once = $settings->{isolation} eq 'fork';
unshift @INC, grep { length } split /\n/, $settings->{path};
for my $module (grep { length } split /\n/, $settings->{preload}) {
    die "anyfpm: not the name of a module: $module\n" if $module !~ /\A\w+(?:::\w+)*\z/;
    next if eval { require($module =~ s{::}{/}gr . '.pm'); 1 };
    die $@ =~ s{^Compilation failed in require at anyfpm/.*\n\z}{}mr;    # what is wrong comes last
}
Anyfpm::Stdio::flush();    # what a module has printed is in no response
Anyfpm::State::begin();
my $inline = Anyfpm::Linux::can_receive_descriptors() ? 4096 : 0xffffffff;
my $forked = $settings->{role} eq 'zygote';
Anyfpm::Zygote::run($once ? $inline : 0, \&Anyfpm::Script::preload) if $forked;
$pid = $$;
if (!$once) {    # a process for one request leaves as it is
    Anyfpm::Linux::prctl(Anyfpm::Linux::PR_SET_CHILD_SUBREAPER(), 1);
    Anyfpm::State::save();
}
Anyfpm::Wire::hello($inline) if !($once and $forked);
serve(Anyfpm::Wire::receive()) while 1;
