package slowlog

import (
	"github.com/anyfpm/anyfpm/internal/procfs"
	"github.com/anyfpm/anyfpm/internal/procmem"
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

// walk returns the stacks of the interpreter, if the program is one; none
// while it runs nothing.
func (p *program) walk(opt Options) ([]stack.Stack, error) {
	if p.sampler == nil {
		return nil, p.reason
	}
	// Walks are compared from the outermost frame inwards, so all of them are
	// needed until then.
	stacks, err := agree(p.sampler, p.memory, stack.Limits{Frames: MaxFrames, Threads: opt.Threads}, p.asleep)
	if err != nil {
		return nil, &stack.UnsupportedError{Runtime: p.sampler.Name(), Reason: "its stack cannot be read: " + err.Error()}
	}
	for i := range stacks {
		if s := &stacks[i]; len(s.Frames) > opt.Frames {
			s.Frames, s.Truncated = s.Frames[:opt.Frames], true
		}
	}
	return stacks, nil
}

// asleep reports whether the main thread is blocked in the kernel.
func (p *program) asleep() bool {
	pid := p.src.PID()
	call, err := p.fs.Syscall(pid, pid)
	return err == nil && !call.Running
}
