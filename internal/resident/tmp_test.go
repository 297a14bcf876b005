package resident_test
import ("testing";"fmt";"github.com/anyfpm/anyfpm/internal/resident")
func TestTmp(t *testing.T) {
	for _, once := range []bool{true, false} {
	t.Setenv("PERL5LIB", "/tmp/rw/cgipm/usr/share/perl5")
	z := spawnZygote(t, "perl", resident.Start{Once: once})
	s := writeScript(t, "a.pl", `#!/usr/bin/perl -w
use strict; use CGI; use CGI::Carp qw(fatalsToBrowser);
my $q = CGI->new;
print $q->header('text/plain'), "a=", scalar $q->param('a'), "\n" if $q->param('a');
eval { die "inner" }; print STDERR "caught $@";
die "outer" ;
`)
	z.send(resident.AppendCompile(nil, s))
	w := z.fork()
	for range 2 {
	r := w.do(request{script: s, variables: []string{"REQUEST_METHOD=POST","CONTENT_LENGTH=5", "CONTENT_TYPE=application/x-www-form-urlencoded"}, body: "a=123"})
	fmt.Printf("%s\n%s\n%v %v\n", r.stdout, r.stderr, r.status, r.flags)
	if once { break }
	}
	if once { fmt.Println(z.awaitExit(w.pid)) } else {
	r := w.do(request{script: s})
	fmt.Printf("%s\n%s\n%v %v\n", r.stdout, r.stderr, r.status, r.flags)
	}
	}
}
