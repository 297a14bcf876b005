package supervisor

// AddHTTPDoor placeholder until the gateway package lands.
func (s *Supervisor) AddHTTPDoor(fd int, address string) error { return nil }
