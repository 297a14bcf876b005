package slowlog

import "fmt"

// Bounds of the process tree.
const (
	maxDepth    = 8
	maxChildren = 64
)

// children lists the descendants of a process, each after its parent, with
// what they wait for.
func (o *observer) children(pid int) (out []Child, note string) {
	var walk func(parent, depth int)
	walk = func(parent, depth int) {
		for _, c := range o.fs.Children(parent) {
			if len(out) == maxChildren || depth == maxDepth {
				note = fmt.Sprintf("there are more child processes than are shown (%d, to a depth of %d)", maxChildren, maxDepth)
				return
			}
			out = append(out, Child{
				PID:     c,
				Parent:  parent,
				Command: clean(o.fs.Command(c)),
				Wait:    o.wait(c, c),
			})
			walk(c, depth+1)
		}
	}
	walk(pid, 0)
	return out, note
}
