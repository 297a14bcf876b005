// Package examples runs what lies in examples/ and FastCGI programs of others
// behind the system's nginx, as their READMEs say.
//
// The tests are built with the tag integration: make test-scenarios.
package examples
