// Package procmem reads the memory of another process without stopping it.
//
// A [Source] yields whole pages: of a live process ([Process]) or of one that
// was recorded earlier ([Pages]). A [Memory] caches the pages of one walk, so
// that each page is one snapshot and a walk costs as many system calls as it
// touches pages. A [Reader] on top of it decodes integers and strings and
// remembers the first error, so that a walk checks once per step and not once
// per field.
//
// Nothing here trusts the process that is read: the number of pages of a walk
// and the length of every string are bounded, and an address is never
// anything but a number handed to the kernel.
package procmem
