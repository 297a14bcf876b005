package ruby

import (
	"slices"
	"testing"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/internal/recorded"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// Of 2.5, 2.6, 3.0 and 3.2 there are no recordings, as no distribution at hand
// has them. So every row of the table is tried on a stack that is made up with
// it.
func TestMadeUp(t *testing.T) {
	for version, row := range layouts {
		m, l := recorded.NewMade(), row.here()
		s := &sampler{layout: l, version: version, stringsHaveLength: slices.Contains([]string{"3.2", "3.3", "3.4"}, version)}
		str := func(text string) uint64 {
			at := m.Room(64)
			if s.stringsHaveLength {
				m.U64(at, typeString)
				m.U64(at+objectData, uint64(len(text)))
				m.Pages.Put(at+stringEmbed, []byte(text))
			} else {
				m.U64(at, typeString|uint64(len(text))<<embedShift)
				m.Pages.Put(at+objectData, []byte(text))
			}
			return at
		}
		// The first three instructions are of one line, the others of the next.
		const second = 3
		code := func(name, file string, line uint32) (iseq, encoded uint64) {
			iseq, body := m.Room(64), m.Room(512)
			encoded = m.Room(64)
			m.U64(iseq+iseqBody, body)
			m.U32(body+bodySize, 8)
			m.U64(body+bodyCode, encoded)
			m.U64(body+bodyLabel, str(name))
			path := m.Room(64) // an array of the path as given and the real one
			m.U64(path, typeArray|flagUser1)
			m.U64(path+objectData, str("given"))
			m.U64(path+objectData+8, str(file))
			m.U64(body+bodyPath, path)
			table := m.Room(2 * l.lineSize)
			m.U64(body+l.lines, table)
			m.U32(body+l.lineCount, 2)
			for i := range uint32(2) {
				m.U32(table+uint64(i)*l.lineSize+l.lineNumber, line+i)
			}
			if l.lineIndex == 0 {
				m.U32(table+l.lineSize+linePosition, second)
				return iseq, encoded
			}
			index := m.Room(blocks + blockSize)
			m.U64(body+l.lineIndex, index)
			for word := range uint64(blocks / 8) {
				var counts uint64
				for i := range uint64(immediatePer) {
					begun := uint64(1)
					if word*immediatePer+i >= second {
						begun = 2
					}
					counts |= begun << (i * immediateBits)
				}
				m.U64(index+word*8, counts)
			}
			return iseq, encoded
		}
		const words = 512
		frames := m.Room(words * 8)
		end := frames + words*8
		top := end - l.frameSize // of the bottom frame, which is the machine's own
		push := func(iseq, pc, mark uint64) {
			top -= l.frameSize
			environment := m.Room(16)
			m.U64(environment, mark)
			m.U64(top+framePC, pc)
			m.U64(top+frameISeq, iseq)
			m.U64(top+frameEP, environment)
		}
		iseq, encoded := code("<main>", "/main.rb", 10)
		push(iseq, encoded+8, 0)
		iseq, encoded = code("query", "/db.rb", 20)
		push(iseq, encoded+(second+1)*8, 0)
		push(0, 0, markC)

		variable, vm, thread, ec := m.Room(8), m.Room(1024), m.Room(1024), m.Room(256)
		m.U64(variable, vm)
		m.U64(vm+l.mainThread, thread)
		owner := vm
		if l.mainRactor != 0 {
			owner = m.Room(1024)
			m.U64(vm+l.mainRactor, owner)
		}
		m.U64(owner+l.threads, owner+l.threads) // no other thread
		m.U64(thread+l.threadVM, vm)
		m.U64(thread+l.threadEC, ec)
		m.U64(ec+l.ecThread, thread)
		m.U64(ec+ecStack, frames)
		m.U64(ec+ecStackSize, words)
		m.U64(ec+ecFrame, top)

		s.vm = variable
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
			{Func: builtin, File: "/db.rb", Line: 21, Kind: stack.Builtin},
			{Func: "query", File: "/db.rb", Line: 21},
			{Func: "<main>", File: "/main.rb", Line: 10, Kind: stack.Main},
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %+v, want %+v", version, got, want)
		}
	}
}
