package listen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/anyfpm/anyfpm/internal/logfile"
)

// resolve returns the socket addresses of a, in the order to try them.
func resolve(a address) ([]unix.Sockaddr, error) {
	if a.host == "" || a.host == "*" {
		return []unix.Sockaddr{&unix.SockaddrInet6{Port: a.port}, &unix.SockaddrInet4{Port: a.port}}, nil
	}
	if ip, err := netip.ParseAddr(a.host); err == nil {
		sa, err := sockaddr(ip, a.port)
		return []unix.Sockaddr{sa}, err
	}
	addresses, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip", a.host)
	if err != nil {
		return nil, fmt.Errorf("getaddrinfo: %s", lookupError(err))
	}
	resolved := make([]unix.Sockaddr, 0, len(addresses))
	for _, ip := range addresses {
		sa, err := sockaddr(ip, a.port)
		if err != nil {
			return nil, err
		}
		resolved = append(resolved, sa)
	}
	return resolved, nil
}

// lookupError is the text gai_strerror(3) has for a failed lookup.
func lookupError(err error) string {
	var dns *net.DNSError
	switch {
	case !errors.As(err, &dns):
		return err.Error()
	case dns.IsNotFound:
		return "Name or service not known"
	case dns.IsTemporary || dns.IsTimeout:
		return "Temporary failure in name resolution"
	default:
		return err.Error()
	}
}

func sockaddr(ip netip.Addr, port int) (unix.Sockaddr, error) {
	if ip.Unmap().Is4() {
		return &unix.SockaddrInet4{Addr: ip.Unmap().As4(), Port: port}, nil
	}
	sa := &unix.SockaddrInet6{Addr: ip.As16(), Port: port}
	if zone := ip.Zone(); zone != "" {
		if id, err := strconv.ParseUint(zone, 10, 32); err == nil {
			sa.ZoneId = uint32(id)
			return sa, nil
		}
		link, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, fmt.Errorf("unable to find the interface of address '%s': %w", ip, err)
		}
		sa.ZoneId = uint32(link.Index)
	}
	return sa, nil
}

// openTCP binds the first of addresses that lets itself be bound.
func openTCP(spec Spec, a address, addresses []unix.Sockaddr, log *slog.Logger) (*Socket, error) {
	var failure error
	for i, sa := range addresses {
		s, err := bindTCP(spec, sa)
		if err == nil {
			warnOfOthers(a, addresses[i+1:], log)
			return s, nil
		}
		switch {
		case a.host == "" && i == 0:
			logfile.Printf(log, logfile.LevelNotice, "Failed implicitly binding to ::, retrying with 0.0.0.0")
		case failure != nil:
			logfile.Printf(log, logfile.LevelError, "%s", logfile.ErrorText(failure))
			failure = err
		default:
			failure = err
		}
	}
	return nil, failure
}

// warnOfOthers names the addresses of a host that are not listened on.
func warnOfOthers(a address, others []unix.Sockaddr, log *slog.Logger) {
	if a.host == "" || a.host == "*" {
		return
	}
	for _, sa := range others {
		name, _ := key(sa)
		logfile.Printf(log, logfile.LevelWarning, "Found multiple addresses for %s, %s ignored", a.host, hostOf(name))
	}
}

func bindTCP(spec Spec, sa unix.Sockaddr) (*Socket, error) {
	family := unix.AF_INET
	if _, ok := sa.(*unix.SockaddrInet6); ok {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("failed to create new listening socket: socket(): %w", err)
	}
	name, _ := key(sa)
	s := &Socket{FD: fd, Key: name, spec: spec}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		s.close()
		return nil, fmt.Errorf("failed to change socket attribute: %w", err)
	}
	if err := unix.Bind(fd, sa); err != nil {
		s.close()
		return nil, fmt.Errorf("unable to bind listening socket for address '%s': %w", spec.Address, err)
	}
	if err := s.listen(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// hostOf cuts the port off a key.
func hostOf(key string) string { return key[:strings.LastIndexByte(key, ':')] }
