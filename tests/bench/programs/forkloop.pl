# What a parent that forks, runs modules.pl's work and reaps can do: prints forks a second. A second argument, cold, has
# the parent not do the work itself before.
use strict;
use warnings;
use Data::Dumper;
use File::Spec;
use POSIX qw(strftime);
use Time::HiRes qw(time);

sub run {
    local $Data::Dumper::Terse = 1;
    local $| = 1;
    my $day = strftime('%Y', gmtime(int(time)));
    print "Content-Type: text/plain\r\n\r\n";
    print "Hello, world! ", length(Dumper({ day => $day })), ' ', File::Spec->catfile('a', 'b'), "\n";
}

open my $answers, '>&', \*STDOUT or die $!;
open STDOUT, '>', '/dev/null' or die $!;
run() if @ARGV == 1;
my ($forks, $began) = ($ARGV[0], time);
for (1 .. $forks) {
    my $pid = fork // die $!;
    if (!$pid) {
        run();
        POSIX::_exit(0);
    }
    waitpid $pid, 0;
}
printf $answers "%d\n", $forks / (time - $began);
