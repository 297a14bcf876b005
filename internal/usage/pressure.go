package usage

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// A Pressure is how long processes have waited for a resource that others had,
// which the kernel sums up (PSI, Documentation/accounting/psi.rst).
type Pressure struct {
	Resource string        // cpu, io or memory
	Some     time.Duration // at least one process waited
	Full     time.Duration // all that wanted to run waited; of no meaning for the CPU of a whole system
}

// ReadPressure returns the pressures of the control group of this process, or
// those of the whole system where the kernel keeps none for the group. There
// are none in a kernel without PSI.
func ReadPressure() []Pressure { return readPressure("/") }

// readPressure has the file systems under root.
func readPressure(root string) (all []Pressure) {
	group := groupDir(root)
	for _, resource := range []string{"cpu", "io", "memory"} {
		text, err := os.ReadFile(filepath.Join(group, resource+".pressure"))
		if err != nil {
			text, err = os.ReadFile(filepath.Join(root, "proc/pressure", resource))
		}
		if err != nil {
			continue
		}
		p := Pressure{Resource: resource}
		for line := range bytes.Lines(text) {
			switch total := pressureTotal(line); {
			case bytes.HasPrefix(line, []byte("some ")):
				p.Some = total
			case bytes.HasPrefix(line, []byte("full ")):
				p.Full = total
			}
		}
		all = append(all, p)
	}
	return all
}

// pressureTotal reads the end of a line, total=MICROSECONDS.
func pressureTotal(line []byte) time.Duration {
	_, digits, _ := bytes.Cut(line, []byte(" total="))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(digits)), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Microsecond
}
