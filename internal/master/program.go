package master

// A Program is what was executed to run the service, and what a reload
// executes again if it has been replaced.
type Program struct {
	// Path is the file, by the name that a new version will have. Empty makes
	// every reload one in place.
	Path string
	// Args and Environ are those of the process.
	Args, Environ []string
}
