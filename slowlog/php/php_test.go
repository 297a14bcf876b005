package php

import (
	"testing"

	"github.com/anyfpm/anyfpm/slowlog/internal/recorded"
)

func TestUnknownVersion(t *testing.T) {
	recorded.Refuse(t, Runtime{}, "php-8.2", "8.2.35", "9.0.12", "php 9.0.12 is not known to this build")
}

func TestBranch(t *testing.T) {
	for version, want := range map[string]string{"8.2.35": "8.2", "7.4.33-dev": "7.4", "8": "8.", "": "."} {
		if got := branch(version); got != want {
			t.Errorf("%q is of %q, want %q", version, got, want)
		}
	}
}
