package slowlog

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// view is a stack written as "inner:2 outer:1".
func view(text string) []stack.Stack {
	var s stack.Stack
	for word := range strings.FieldsSeq(text) {
		name, line, _ := strings.Cut(word, ":")
		s.Frames = append(s.Frames, Frame{Func: name, Line: int(line[0] - '0')})
	}
	return []stack.Stack{s}
}

func text(stacks []stack.Stack) string {
	var words []string
	for _, s := range stacks {
		for _, f := range s.Frames {
			words = append(words, f.Func+":"+string(rune('0'+f.Line)))
		}
	}
	return strings.Join(words, " ")
}

func TestCommon(t *testing.T) {
	for name, c := range map[string]struct {
		views []string
		want  string
		note  bool
	}{
		"all the same":               {[]string{"f:2 main:1", "f:2 main:1", "f:2 main:1"}, "f:2 main:1", false},
		"another line":               {[]string{"f:2 main:1", "f:3 main:1", "f:3 main:1"}, "f:3 main:1", false},
		"no two lines alike":         {[]string{"f:4 main:1", "f:2 main:1", "f:3 main:1"}, "f:3 main:1", false},
		"a call comes and goes":      {[]string{"g:9 f:3 main:1", "f:2 main:1", "f:2 main:1"}, "f:3 main:1", true},
		"different calls":            {[]string{"g:9 f:3 main:1", "h:8 f:4 main:1", "g:9 f:3 main:1"}, "f:3 main:1", true},
		"a stack that never was":     {[]string{"g:9 f:4 main:1", "f:3 main:1", "h:8 f:4 main:1"}, "f:4 main:1", true},
		"nothing in common":          {[]string{"f:2 main:1", "g:3 other:1"}, "", false},
		"a call of the last view":    {[]string{"main:1", "f:2 main:1"}, "main:1", true},
		"a call of all but the last": {[]string{"f:2 main:1", "main:3"}, "main:1", true},
	} {
		var views [][]stack.Stack
		for _, v := range c.views {
			views = append(views, view(v))
		}
		before := text(views[len(views)-1])
		got := common(views)
		if text(got) != c.want {
			t.Errorf("%s: %q, want %q", name, text(got), c.want)
		}
		if len(got) > 0 && (got[0].Note == running) != c.note {
			t.Errorf("%s: note %q", name, got[0].Note)
		}
		if text(views[len(views)-1]) != before {
			t.Errorf("%s: the views were changed", name)
		}
	}
}

// A scripted sampler touches one page, and returns what the script says.
type scripted struct {
	views []string // "error" fails
	walks int
}

func (*scripted) Name() string { return "scripted" }

func (s *scripted) Walk(m *procmem.Memory, _ stack.Limits) ([]stack.Stack, error) {
	v := s.views[min(s.walks, len(s.views)-1)]
	s.walks++
	if err := m.Read(0x5000, make([]byte, 8)); err != nil {
		return nil, err
	}
	if v == "error" {
		return nil, errors.New("scripted")
	}
	return view(v), nil
}

// ticking is memory that changes each time it is read, if it ticks.
type ticking struct {
	ticks bool
	n     byte
}

func (s *ticking) ReadPages(_ []uint64, pages []*procmem.Page) error {
	for _, p := range pages {
		*p = procmem.Page{s.n}
	}
	if s.ticks {
		s.n++
	}
	return nil
}

// doing is a process that runs, or sleeps, or stands still for so many waits.
type doing struct {
	sleeps bool
	runs   bool
	still  int
	looks  int // before it is late, 0: any number
	clock  time.Duration
}

func (d *doing) asleep() bool { return d.sleeps }

func (d *doing) used() time.Duration {
	if d.runs && d.still == 0 {
		d.clock++
	}
	return d.clock
}

func (d *doing) late() bool {
	d.looks--
	return d.looks == 0
}

func (d *doing) wait(n int) bool {
	d.still = max(d.still-1, 0)
	return n < turns
}

func TestAgree(t *testing.T) {
	for name, c := range map[string]struct {
		views []string
		ticks bool
		does  doing
		want  string
		err   string
		walks int
	}{
		"sleeps":                {[]string{"f:2 main:1"}, false, doing{sleeps: true}, "f:2 main:1", "", 1},
		"sleeps by now":         {[]string{"f:2 main:1", "g:3 main:1"}, true, doing{sleeps: true}, "g:3 main:1", "", 2},
		"another thread runs":   {[]string{"f:2 main:1"}, true, doing{sleeps: true, runs: true}, "f:2 main:1", "", 1 + enough},
		"runs on one spot":      {[]string{"f:2 main:1"}, false, doing{runs: true}, "f:2 main:1", "", 1},
		"runs on after a while": {[]string{"f:2 main:1"}, false, doing{runs: true, still: 3}, "f:2 main:1", "", 1},
		"does not get to run":   {[]string{"f:2 main:1"}, false, doing{runs: true, still: 1000}, "f:2 main:1", "", 1},
		"runs":                  {[]string{"f:2 main:1", "f:2 main:1", "main:3"}, true, doing{runs: true}, "main:1", "", 1 + enough},
		"fails now and then":    {[]string{"error", "error", "f:2 main:1"}, true, doing{runs: true}, "f:2 main:1", "", 2 + enough},
		"always fails":          {[]string{"error"}, true, doing{runs: true}, "", "scripted", 1 + maxWalks},
		"leads walks astray":    {[]string{"f:2 main:1"}, true, doing{runs: true, looks: 3}, "", errMoving.Error(), 3},
		"sleeps and fails":      {[]string{"error"}, false, doing{sleeps: true}, "", "scripted", 1},
		"has nothing in common": {[]string{"f:2 main:1", "f:2 main:1", "g:3 other:1"}, true, doing{runs: true}, "", errMoving.Error(), 1 + enough},
	} {
		s := &scripted{views: c.views}
		m := procmem.NewMemory(&ticking{ticks: c.ticks}, 0)
		stacks, err := agree(s, m, stack.Limits{}, &c.does)
		if text(stacks) != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%s: got %q, %v; want %q, %q", name, text(stacks), err, c.want, c.err)
		}
		if starved := len(stacks) > 0 && stacks[0].Note == starving; starved != (c.does.still > turns) {
			t.Errorf("%s: note %q", name, stacks[0].Note)
		}
		if s.walks != c.walks {
			t.Errorf("%s: %d walks, want %d", name, s.walks, c.walks)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, c := range [][2]Options{
		{{}, {DefaultFrames, DefaultThreads}},
		{{Frames: -1, Threads: 1 << 30}, {DefaultFrames, MaxThreads}},
		{{Frames: 20, Threads: 1}, {20, 1}},
	} {
		if got := c[0].withDefaults(); got != c[1] {
			t.Errorf("%+v became %+v, want %+v", c[0], got, c[1])
		}
	}
}
