// Package resident is the supervisor's half of the worker protocol
// (docs/worker-protocol.md): how a supervisor speaks to a resident
// interpreter over its control socket.
//
// It does no I/O. Messages to a worker are appended to byte slices
// ([AppendStart], [AppendRequest], [AppendFork], [AppendCompile]). What comes
// back is fed to a [Decoder] piece by piece and turned into events. Neither
// direction allocates per request. The programs that run inside a worker are
// in internal/runner/runtime.
package resident
