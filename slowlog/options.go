package slowlog

// Defaults and bounds of [Options].
const (
	DefaultFrames  = 64
	MaxFrames      = 1024
	DefaultThreads = 8
	MaxThreads     = 64
)

// Options say how much a report holds. The zero value is good.
type Options struct {
	// Frames is how many frames of a stack are kept, innermost first; 0 is
	// DefaultFrames, more than MaxFrames is MaxFrames.
	Frames int
	// Threads is how many threads of a process are looked at, its main thread
	// first; 0 is DefaultThreads, more than MaxThreads is MaxThreads.
	Threads int
}

func (o Options) withDefaults() Options {
	o.Frames = bounded(o.Frames, DefaultFrames, MaxFrames)
	o.Threads = bounded(o.Threads, DefaultThreads, MaxThreads)
	return o
}

func bounded(n, ifUnset, most int) int {
	if n <= 0 {
		return ifUnset
	}
	return min(n, most)
}
