package perl

import (
	"slices"
	"testing"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/internal/recorded"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// Of 5.34 and 5.38 there are no recordings, as no distribution at hand has
// them. So every row of the table is tried on a stack that is made up with it.
func TestMadeUp(t *testing.T) {
	for version, l := range layouts {
		stacks, err := madeUp(l)
		if err != nil || len(stacks) != 1 {
			t.Errorf("5.%d: %v, %v", version, stacks, err)
			continue
		}
		got := stacks[0].Frames
		for i := range got {
			got[i].Addr = 0
		}
		want := []stack.Frame{
			{Func: "DB::query", File: "/lib/DB.pm", Line: 9},
			{Func: "main::page", File: "/main.pl", Line: 20},
			{Func: "(eval)", File: "/main.pl", Line: 30, Kind: stack.Include},
			{Func: "{main}", File: "/main.pl", Line: 29, Kind: stack.Main},
		}
		if !slices.Equal(got, want) {
			t.Errorf("5.%d: got %+v, want %+v", version, got, want)
		}
	}
}

// madeUp walks a stack that is made up with a layout.
func madeUp(l layout) ([]stack.Stack, error) {
	m := recorded.NewMade()
	key := func(s string) uint64 {
		at := m.Text(keyText, s)
		m.U32(at+keyLength, uint32(len(s)))
		return at
	}
	value := func(kind uint32, body uint64) uint64 {
		at := m.Room(24)
		m.U32(at+svFlags, kind)
		m.U64(at+svBody, body)
		return at
	}
	stash := func(name string) uint64 {
		body := m.Room(256)
		hv := value(typeHash|flagAux, body)
		aux := body + l.hashAux
		if l.hashAux == 0 {
			const buckets = 8
			array := m.Room(buckets*8 + 64)
			m.U64(body+hashMax, buckets-1)
			m.U64(hv+svValue, array)
			aux = array + buckets*8
		}
		m.U64(aux+auxName, key(name))
		return hv
	}
	sub := func(pkg, name string, named bool) uint64 {
		body := m.Room(128)
		if named {
			m.U32(body+codeFlags, codeNamed)
			m.U64(body+codeStash, stash(pkg))
			m.U64(body+codeGlob, key(name))
		} else {
			glob := m.Room(64)
			m.U64(glob+globStash, stash(pkg))
			m.U64(glob+globName, key(name))
			m.U64(body+codeGlob, value(typeGlob, glob))
		}
		return value(typeCode, body)
	}
	cop := func(file string, line uint32) uint64 {
		at := m.Room(96)
		m.U32(at+l.copLine, line)
		m.U64(at+l.copFile, m.Text(0, file))
		return at
	}
	interpreter, info := m.Room(512), m.Room(64)
	contexts := m.Room(4 * l.contextSize)
	m.U64(interpreter+l.curcop, cop("/lib/DB.pm", 9))
	m.U64(interpreter+l.curstackinfo, info)
	m.U64(info+stackContexts, contexts)
	m.U32(info+stackIndex, 3)
	m.U32(info+stackMax, 3)
	m.U32(info+l.stackType, stackMain)
	context := func(i uint64, kind byte, caller uint64) uint64 {
		at := contexts + i*l.contextSize
		m.U8(at, kind)
		m.U64(at+contextOldCop, caller)
		return at
	}
	m.U64(context(3, contextSub, cop("/main.pl", 20))+l.subCV, sub("DB", "query", false))
	m.U64(context(2, contextSub, cop("/main.pl", 30))+l.subCV, sub("main", "page", true))
	context(1, contextEval|contextBlock, cop("/main.pl", 29))
	context(0, 1, 0) // a block

	variable := m.Room(8)
	m.U64(variable, interpreter)
	s := &sampler{layout: l, version: "5", threads: true, interpreter: variable}
	return s.Walk(procmem.NewMemory(m.Pages, 0), recorded.Limits)
}
