# System calls that Perl has no functions for.
package Anyfpm::Linux;

use strict;
use warnings;
use Config ();

# The numbers of the 64-bit machines that Debian runs on. Elsewhere a worker
# takes no descriptors, and there is no zygote.
my %numbers = (
    x86_64      => { recvmsg => 47,  prctl => 157 },
    aarch64     => { recvmsg => 212, prctl => 167 },
    riscv64     => { recvmsg => 212, prctl => 167 },
    powerpc64le => { recvmsg => 342, prctl => 171 },
    s390x       => { recvmsg => 372, prctl => 172 },
);
my ($machine) = $Config::Config{archname} =~ /^(\w+)/;
my ($recvmsg, $prctl) = @{ $numbers{$machine} || {} }{qw(recvmsg prctl)};

use constant {
    PR_SET_PDEATHSIG       => 1,
    PR_SET_CHILD_SUBREAPER => 36,
    MSG_CMSG_CLOEXEC       => 0x40000000,
};

sub can_receive_descriptors { defined $recvmsg }

# prctl sets an option of the process where that is known how.
sub prctl {
    my ($option, $value) = @_;
    syscall($prctl, $option, $value, 0, 0, 0) if $prctl;
}

# The arguments of recvmsg: C structures that point to each other, and to two
# strings that are never assigned to, so that they stay where they are.
my $data      = "\0" x 32768;
my $ancillary = "\0" x 64;
my $iovec     = pack 'P L!', $data, length $data;
my $msghdr    = pack 'x[P] L x![P] P L! P L! i x![P]', 0, $iovec, 1, $ancillary, length $ancillary, 0;

# receive reads from a socket, as sysread does, and returns the data and the
# descriptors that came with it; undef is an error, told in $!.
sub receive {
    my ($socket) = @_;
    if (!$recvmsg) {
        my $read;
        return defined sysread($socket, $read, length $data) ? $read : ();
    }
    my $header = $msghdr;    # the kernel writes its results into it
    my $n = syscall($recvmsg, fileno $socket, $header, MSG_CMSG_CLOEXEC);
    return if $n < 0;
    return substr $data, 0, $n if !unpack 'x[P L] x![P] x[P L! P] L!', $header;
    my $size = unpack 'L!', $ancillary;
    return (substr($data, 0, $n), unpack 'l*', substr $ancillary, 16, $size - 16);
}
