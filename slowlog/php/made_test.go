package php

import (
	"slices"
	"testing"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/internal/recorded"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// Of 7.3 and 8.0 there are no recordings, as no distribution at hand has them.
// So every row of the table is tried on a stack that is made up with it.
func TestMadeUp(t *testing.T) {
	for version, l := range layouts {
		m := recorded.NewMade()
		str := func(s string) uint64 {
			at := m.Text(stringVal, s)
			m.U32(at+stringType, typeString)
			m.U64(at+stringLen, uint64(len(s)))
			return at
		}
		function := func(kind byte, name, class string, file string) uint64 {
			at := m.Room(256)
			m.U8(at+funcType, kind)
			if name != "" {
				m.U64(at+funcName, str(name))
			}
			if class != "" {
				scope := m.Room(64)
				m.U64(scope+className, str(class))
				m.U64(at+funcScope, scope)
			}
			if file != "" {
				m.U64(at+l.fileName, str(file))
				m.U32(at+l.lineStart, 1)
				m.U32(at+l.lineStart+4, 100)
			}
			return at
		}
		executor := m.Room(2048)
		previous := uint64(0)
		call := func(function uint64, line uint32, info uint32) {
			at := m.Room(80)
			opline := m.Room(32)
			m.U32(opline+oplineLine, line)
			m.U64(at+executeOpline, opline)
			m.U64(at+executeFunc, function)
			m.U32(at+executeInfo, info)
			m.U64(at+executePrev, previous)
			previous = at
		}
		call(function(userFunction, "", "", "/main.php"), 7, callTop)
		call(function(evalCode, "", "", "/inc.php"), 3, 0)
		call(function(userFunction, "find", "Repo", "/repo.php"), 12, 0)
		call(function(internalFunction, "sleep", "", ""), 0, 0)
		m.U64(executor+l.currentExecuteData, previous)

		s := &sampler{layout: l, version: version, executor: executor}
		stacks, err := s.Walk(procmem.NewMemory(m.Pages, 0), recorded.Limits)
		if err != nil || len(stacks) != 1 {
			t.Errorf("%s: %v, %v", version, stacks, err)
			continue
		}
		got := stacks[0].Frames
		for i := range got {
			got[i].Addr = 0
		}
		want := []stack.Frame{
			{Func: "sleep", File: "/repo.php", Line: 12, Kind: stack.Builtin},
			{Func: "Repo::find", Bare: "find", File: "/repo.php", Line: 12},
			{Func: "[include/eval]", File: "/inc.php", Line: 3, Kind: stack.Include},
			{Func: "{main}", File: "/main.php", Line: 7, Kind: stack.Main},
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %+v, want %+v", version, got, want)
		}
	}
}
