// Package workers runs workers that stay through their lives, and through what
// programs, scripts and applications do that they should not. Nothing of it may
// outlive its request unnoticed, and nothing may harm the next one.
//
// The tests are built with the tag integration: make test-scenarios.
package workers
