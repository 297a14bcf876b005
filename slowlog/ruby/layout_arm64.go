package ruby

// mutexGrowth is how much larger a pthread_mutex_t is here than on amd64, of
// which the table is.
const mutexGrowth = 8

// here is the layout on this architecture. One mutex comes before the list of
// threads, and before the main thread of a virtual machine older than 3.0.
// What is found with it is checked to be a thread ([sampler.isThread]).
func (l layout) here() layout {
	if l.mainRactor == 0 {
		l.mainThread += mutexGrowth
	}
	l.threads += mutexGrowth
	return l
}
