package master

import (
	"fmt"

	"github.com/anyfpm/anyfpm/internal/config"
	"github.com/anyfpm/anyfpm/internal/control"
	"github.com/anyfpm/anyfpm/internal/listen"
)

// A door is a socket of a pool and what it is for.
type door struct {
	name   string // of the descriptor in control.Start
	socket *listen.Socket
}

// openDoors opens the sockets of a pool, or takes those that are open already.
// taken has the pools of the same configuration by socket and is added to.
func openDoors(table *listen.Table, p *config.Pool, taken map[*listen.Socket]string) ([]door, error) {
	kind := control.FDListen
	if p.ListenProtocol == "http" {
		kind = control.FDHTTP
	}
	var doors []door
	for _, d := range []struct{ kind, address string }{
		{kind, p.Listen}, {control.FDHTTP, p.HTTPListen}, {control.FDStatus, p.StatusListen},
	} {
		if d.address == "" {
			continue
		}
		s, err := table.Open(listen.Spec{
			Pool: p.Name, Address: d.address, Backlog: p.ListenBacklog,
			Owner: p.ListenOwner, Group: p.ListenGroup, Mode: p.ListenMode,
			ACLUsers: p.ListenACLUsers, ACLGroups: p.ListenACLGroups,
		})
		if err != nil {
			return nil, err
		}
		if other, ok := taken[s]; ok {
			return nil, fmt.Errorf("[pool %s] unable to set listen address as it's already used in another pool '%s'", p.Name, other)
		}
		taken[s] = p.Name
		doors = append(doors, door{d.kind + d.address, s})
	}
	return doors, nil
}
