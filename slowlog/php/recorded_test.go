package php

import (
	"testing"

	"github.com/anyfpm/anyfpm/slowlog/internal/recorded"
)

func TestRecorded(t *testing.T) { recorded.Check(t, Runtime{}) }

func FuzzHostileMemory(f *testing.F) { recorded.Fuzz(f, Runtime{}) }
