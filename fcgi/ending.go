package fcgi

import "sync/atomic"

// An ending says why a request is over. The zero value, and nil, is a request
// that is not.
type ending struct{ err atomic.Pointer[error] }

// set makes err the cause. Only the first one counts.
func (e *ending) set(err error) { e.err.CompareAndSwap(nil, &err) }

// cause returns what was set, or nil.
func (e *ending) cause() error {
	if e == nil {
		return nil
	}
	if err := e.err.Load(); err != nil {
		return *err
	}
	return nil
}
