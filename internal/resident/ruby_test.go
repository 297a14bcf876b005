package resident_test

import (
	"testing"

	"github.com/anyfpm/anyfpm/internal/resident"
)

// TestRubyGem: a gem can be required by one request after the other, and its
// directory keeps the place in the load path that RubyGems gives it.
func TestRubyGem(t *testing.T) {
	script := writeScript(t, "script.rb", `
require "minitest"
require "minitest/mock"
site = $LOAD_PATH.index(RbConfig::CONFIG["sitelibdir"])
p $LOAD_PATH.grep(/minitest/).size, $LOAD_PATH.index { |dir| dir.include?("minitest") } == site - 1
$LOAD_PATH.unshift("/nowhere")
`)
	w := spawn(t, "ruby", resident.Start{})
	for range 3 {
		w.ask(script, "1\ntrue\n")
	}
}
