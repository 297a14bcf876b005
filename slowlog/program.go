package slowlog

import (
	"errors"
	"fmt"
	"time"

	"github.com/anyfpm/anyfpm/internal/elfmem"
	"github.com/anyfpm/anyfpm/internal/procfs"
	"github.com/anyfpm/anyfpm/internal/procmem"
	"github.com/anyfpm/anyfpm/slowlog/golang"
	"github.com/anyfpm/anyfpm/slowlog/native"
	"github.com/anyfpm/anyfpm/slowlog/stack"
)

// A program is what a process was found to run. It is good as long as the
// process's image stays the same.
type program struct {
	fs      procfs.FS
	image   procfs.Image
	src     *procmem.Process
	memory  *procmem.Memory
	objects []procfs.Object
	sampler stack.Sampler // nil: no interpreter that can be read
	reason  error         // why not, if there is one
	began   time.Time     // the walks that are under way
	// One of them is made when it is needed.
	golang *golang.Program
	native stack.Sampler
}

// load finds out what a process runs.
func (o *observer) load(pid int) (*program, error) {
	image, err := o.fs.Image(pid)
	if err != nil {
		return nil, err
	}
	maps, err := o.fs.Maps(pid)
	if err != nil {
		return nil, err
	}
	src := procmem.NewProcess(pid)
	p := &program{fs: o.fs, image: image, src: src, memory: procmem.NewMemory(src, 0), objects: procfs.Objects(maps)}
	if len(p.objects) > 0 {
		// A right to see the mappings is not always one to read them.
		if err := p.memory.Read(p.objects[0].Low, make([]byte, 1)); denied(err) {
			return nil, err
		}
	}
	p.sampler, p.reason = detect(p.memory, p.objects)
	return p, nil
}

// keep takes over what was read of a Go program before, which took long, if
// the process still runs it.
func (p *program) keep(before *program) {
	if before != nil && before.image == p.image {
		p.golang = before.golang
	}
}

// walk returns the stacks of the interpreter, if the program is one; none
// while it runs nothing.
func (p *program) walk(opt Options) ([]stack.Stack, error) {
	if p.sampler == nil {
		return nil, p.reason
	}
	return p.settle(p.sampler, opt)
}

// walkNative returns the stacks of a program that is no interpreter: of its
// goroutines if it is written in Go, else of its threads. A reason is given
// with the stacks of the threads when there should be goroutines.
func (p *program) walkNative(opt Options) (stacks []stack.Stack, reason, err error) {
	if p.golang == nil && p.native == nil {
		p.golang, reason = p.openGo()
	}
	if p.golang != nil {
		m := procmem.NewMemory(p.src, golang.Pages)
		stacks, err := p.golang.Goroutines(m, stack.Limits{Frames: opt.Frames, Threads: opt.Threads})
		return stacks, nil, err
	}
	if p.native == nil {
		p.native = &native.Sampler{FS: p.fs, PID: p.src.PID(), Unwinder: native.New(p.objects, p.symbols)}
	}
	stacks, err = p.settle(p.native, opt)
	return stacks, reason, err
}

// openGo opens the program if it is written in Go. The reason says why not,
// if it is.
func (p *program) openGo() (*golang.Program, error) {
	if len(p.objects) == 0 {
		return nil, nil
	}
	p.memory.Reset()
	o, err := elfmem.Open(p.memory, p.objects[0].Low)
	if err != nil {
		return nil, nil
	}
	program, err := golang.Open(p.fs.File(p.src.PID(), p.objects[0].Path), o.Bias)
	if errors.Is(err, golang.ErrNotGo) {
		return nil, nil
	}
	return program, err
}

// symbols lists the functions that the file of an object names.
func (p *program) symbols(o procfs.Object) []native.Symbol {
	return native.FileSymbols(p.fs.File(p.src.PID(), o.Path), p.memory, o.Low)
}

// settle walks stacks until they are certain. Walks are compared from the
// outermost frame inwards, so all frames are needed until then.
func (p *program) settle(s stack.Sampler, opt Options) ([]stack.Stack, error) {
	p.began = time.Now()
	stacks, err := agree(s, p.memory, stack.Limits{Frames: MaxFrames, Threads: opt.Threads}, p)
	if err != nil {
		return nil, fmt.Errorf("the stack of %s cannot be read: %w", s.Name(), err)
	}
	for i := range stacks {
		if s := &stacks[i]; len(s.Frames) > opt.Frames {
			s.Frames, s.Truncated = s.Frames[:opt.Frames], true
		}
	}
	return stacks, nil
}
