// Command bench compares anyfpm with its peers: the same program with the
// same number of workers behind the same nginx, everything on the loopback,
// the two taking turns, medians over several rounds. It also measures what
// anyfpm promises in absolute numbers: memory and system calls.
//
//	make bench
//	make bench BENCHFLAGS='-rows cgi,php -duration 2s -rounds 3'
//	go run ./tests/bench -list
//
// It wants what scripts/install-test-deps installs, and a machine that does
// nothing else. It exits with 1 when a threshold is missed.
package main
